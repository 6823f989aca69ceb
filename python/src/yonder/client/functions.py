"""Functions on their way to the service: captured once, registered once."""

from __future__ import annotations

import base64
import hashlib
import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Callable, Optional, Union

from yonder.capture import CapturedFunction, capture
from yonder.capture.functions import WRAPPED
from yonder.client import ids
from yonder.client.http import Transport
from yonder.client.models import Function, Requirements, Retry, check_retry
from yonder.client.shell import ShellFunction
from yonder.client.watch import Watch, watch
from yonder.errors import InvalidRequest, NotFound, PackError, YonderError

# What is kept of captured functions; beyond that the oldest is captured again.
KEPT = 512
KEPT_BYTES = 64 << 20

Key = tuple[str, str]  # name and hash, or id and version
Callee = Union[Callable[..., Any], Function, str]


class FunctionRef:
    """A function that tasks call. One object per function version and requirement.

    One of this program is made known to the service, without a name that anybody
    else could use, when the first of its tasks is sent.
    """

    def __init__(
        self,
        name: str,
        captured: Optional[CapturedFunction] = None,
        registered: Optional[tuple[str, int]] = None,
        python: str = "",
        requirements: Optional[Requirements] = None,
        codec: str = "pickle",
        shell: Optional[ShellFunction] = None,
        memo: str = "",
    ) -> None:
        self.name = name
        self.memo = memo  # its scope, if results answer equal calls
        self.requirements = requirements
        self.codec = codec
        self.shell = shell
        self.captured = captured
        self.registered = registered
        self.python = python
        self.size = len(captured.body) if captured else 0
        self.local = captured is not None or shell is not None
        self.names = shell.names if shell else _positional(captured.signature if captured else None)


class Functions:
    """Turns what a caller wants to run into a FunctionRef. Safe for any number of threads."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._lock = threading.Lock()
        self._captures: OrderedDict[int, tuple[Any, Watch, Key]] = OrderedDict()
        self._refs: OrderedDict[Key, FunctionRef] = OrderedDict()
        self._bytes = 0  # of the bodies in _refs

    def ref(self, callee: Callee) -> FunctionRef:
        """The reference for a callable, a registered function or the id of one.

        Raises CaptureError for a callable that cannot travel.
        """
        ref = self._captured(callee)
        if ref is not None:
            return ref
        if isinstance(callee, ShellFunction):
            key = (callee.__name__, hashlib.sha256(callee.body).hexdigest())
            return self._shared(key, FunctionRef(callee.__name__, codec="json", shell=callee))
        if isinstance(callee, Function):
            memo = callee.memo.scope
            return self._known(callee.name, callee.id, callee.version, callee.kind, memo)
        if isinstance(callee, str):
            kind, memo = self._look_up(callee)
            return self._known(callee, ids.check_id(callee), 0, kind, memo)
        return self._capture(callee)

    def _captured(self, callee: Callee) -> Optional[FunctionRef]:
        """The reference made earlier for the callable, if nothing of it has changed.

        Without the lock, for this is done for every call: a look-up alone needs none.
        """
        kept = self._captures.get(id(callee))
        if kept is None or kept[0]() is not callee or not kept[1].unchanged():
            return None
        return self._refs.get(kept[2])

    def _known(self, name: str, function: str, version: int, kind: str, memo: str) -> FunctionRef:
        codec = "json" if kind == "shell" else "pickle"
        new = FunctionRef(name, registered=(function, version), codec=codec, memo=memo)
        return self._shared((function, str(version)), new)

    def _look_up(self, function: str) -> tuple[str, str]:
        """The kind of a function, which says how its arguments are packed, and its memo."""
        with self._lock:
            ref = self._refs.get((ids.check_id(function), "0"))
        if ref is not None:
            return "shell" if ref.codec == "json" else "python", ref.memo
        try:
            answer = self._transport.json("GET", f"/v1/functions/{ids.check_id(function)}")
        except YonderError:
            return "python", ""  # whatever it is, the task will say it
        known = Function.from_json(answer)
        return known.kind, known.memo.scope

    def _capture(self, callee: Callable[..., Any]) -> FunctionRef:
        if not callable(callee):
            raise PackError(f"{callee!r} cannot be run: pass a function or the id of one")
        # What the decorator made: the function, and what it asks for.
        fn, needs, memo = callee, None, ""
        if hasattr(type(callee), WRAPPED):
            fn, needs = getattr(callee, WRAPPED), getattr(callee, "requirements", None)
            memo = getattr(callee, "memo", None) or ""
        seen = watch(fn)  # before capturing: a change in between is then noticed
        captured = capture(fn)
        key = (captured.name, f"{captured.hash} {needs or ''} {memo}")
        python = captured.python or (needs.python if needs else "")
        new = FunctionRef(captured.name, captured, python=python, requirements=needs, memo=memo)
        if seen is not None and seen.whole:
            with self._lock:
                self._captures[id(callee)] = (weakref.ref(callee), seen, key)
                self._captures.move_to_end(id(callee))
                while len(self._captures) > KEPT:
                    self._captures.popitem(last=False)
        return self._shared(key, new)

    def _shared(self, key: Key, new: FunctionRef) -> FunctionRef:
        """The one reference for a key; the oldest ones go when there are too many."""
        with self._lock:
            ref = self._refs.get(key)
            if ref is None:
                ref = self._refs[key] = new
                self._bytes += ref.size
            self._refs.move_to_end(key)
            while len(self._refs) > 1 and (len(self._refs) > KEPT or self._bytes > KEPT_BYTES):
                self._bytes -= self._refs.popitem(last=False)[1].size
        return ref

    def resolve(self, ref: FunctionRef) -> tuple[str, int]:
        """The id and version to submit under; makes the function known if need be.

        What its name means stays what it is: only registering moves that. Two
        threads may do this at once: the service answers both alike.
        """
        if ref.registered is None:
            if ref.shell is not None:
                function = register_shell(self._transport, ref.shell, anonymous=True)
            else:
                assert ref.captured is not None
                function = register(
                    self._transport,
                    ref.captured,
                    requirements=ref.requirements,
                    memo=ref.memo,
                    anonymous=True,
                )
            ref.registered = (function.id, function.version)
        return ref.registered


def by_name(name: str, named: Sequence[Function], me: str) -> Function:
    """The function with the name: your own, else the only one there is."""
    chosen = [function for function in named if function.owner == me] or list(named)
    if not chosen:
        raise NotFound(
            f"there is no function {name!r}: register it, or pass the function itself; "
            "`yonder function list` shows those that there are",
            field="function",
        )
    if len(chosen) > 1:
        owners = ", ".join(f"{f.id} of {f.owner_name or f.owner}" for f in chosen[:10])
        raise InvalidRequest(
            f"{len(chosen)} functions are called {name!r}: name one by its id; there are {owners}",
            field="function",
        )
    return chosen[0]


def _positional(signature: Optional[dict[str, Any]]) -> tuple[str, ...]:
    """The names of the positional parameters, for messages about arguments."""
    params = signature["params"] if signature else []
    return tuple(p["name"] for p in params if p["kind"].startswith("positional"))


def register(
    transport: Transport,
    captured: CapturedFunction,
    name: Optional[str] = None,
    description: str = "",
    requirements: Optional[Requirements] = None,
    sharing: Optional[dict[str, Any]] = None,
    retry: Optional[Retry] = None,
    *,
    memo: Optional[str] = None,
    anonymous: bool = False,
) -> Function:
    """Register a captured function; the same code under the same name is the same version.

    An anonymous one is a function of its own, whatever its name means.
    """
    requires = requirements or Requirements()
    body: dict[str, Any] = {
        "name": (name or captured.name)[:200],
        "kind": "python",
        "body": base64.b64encode(captured.body).decode("ascii"),
        "requirements": {
            "python": requires.python or captured.python or "",
            "packages": sorted({*requires.packages, *captured.packages}),
        },
    }
    if requires.walltime:
        body["requirements"]["walltime_s"] = requires.walltime
    if description:
        body["description"] = description
    if captured.docstring:
        body["docstring"] = captured.docstring[:100_000]
    if captured.signature is not None:
        body["signature"] = captured.signature
    return _register(transport, body, sharing, retry, memo, anonymous)


def register_shell(
    transport: Transport,
    shell: ShellFunction,
    name: Optional[str] = None,
    description: str = "",
    sharing: Optional[dict[str, Any]] = None,
    retry: Optional[Retry] = None,
    *,
    memo: Optional[str] = None,
    anonymous: bool = False,
) -> Function:
    """Register a shell function; the service reads its signature from the body."""
    body: dict[str, Any] = {
        "name": (name or shell.__name__)[:200],
        "kind": "shell",
        "body": base64.b64encode(shell.body).decode("ascii"),
        "description": description or shell.description,
    }
    return _register(transport, body, sharing, retry, memo, anonymous)


def _register(
    transport: Transport,
    body: dict[str, Any],
    sharing: Optional[dict[str, Any]],
    retry: Optional[Retry],
    memo: Optional[str],
    anonymous: bool,
) -> Function:
    """Register a function of any kind."""
    if sharing:
        body["sharing"] = sharing
    check_retry(retry)
    if retry is not None:
        body["retry"] = retry.to_json()
    if memo:
        body["memo"] = memo
    if anonymous:
        body["anonymous"] = True
    return Function.from_json(transport.json("POST", "/v1/functions", body))
