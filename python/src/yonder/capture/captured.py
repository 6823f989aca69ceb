"""Capturing a function: the client's half."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional

from yonder.capture import functions
from yonder.capture.graph import Graph
from yonder.errors import CaptureError, SameMinorWarning
from yonder.warning import warn

_KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional_only",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional_or_keyword",
    inspect.Parameter.VAR_POSITIONAL: "var_positional",
    inspect.Parameter.KEYWORD_ONLY: "keyword_only",
    inspect.Parameter.VAR_KEYWORD: "var_keyword",
}


@dataclass(frozen=True)
class CapturedFunction:
    """A function that can travel.

    ``body`` is what ``restore`` reads and ``hash`` its SHA-256 in hex.
    ``signature`` is ``{"params": [{"name", "kind", "required"}]}``, None for a
    builtin that has none. ``python`` is ``"3.11"`` if only that minor version
    can run it, None for any, and ``reasons`` says why. ``packages`` are the
    top-level modules that the worker must have installed. ``source`` is the
    function's own text, for people.
    """

    name: str
    body: bytes
    signature: Optional[dict[str, list[dict[str, Any]]]]
    docstring: str
    python: Optional[str]
    reasons: tuple[str, ...]
    packages: tuple[str, ...]
    source: str

    @property
    def hash(self) -> str:
        """SHA-256 of ``body`` in hex."""
        return hashlib.sha256(self.body).hexdigest()


def capture(fn: Callable[..., Any]) -> CapturedFunction:
    """Everything that ``fn`` needs to run elsewhere.

    ``fn`` may be any callable: a function, lambda, method, class, instance
    with ``__call__``, partial. Raises CaptureError, which says what to do, if
    a part of it cannot travel; warns with SameMinorWarning if it can only run
    on this Python minor version.
    """
    name = name_of(fn)
    if not callable(_inner(fn)):
        raise CaptureError(f"{name!r} cannot be called: pass a function")
    graph = Graph(name)
    root = graph.refer(fn)
    bundle = graph.finish([root], root)
    if bundle.only is not None:
        warn(
            f"{name!r} travels as bytecode and runs on Python {bundle.only} only "
            f"({'; '.join(bundle.reasons)}): define it in a file to run it anywhere",
            SameMinorWarning,
        )
    return CapturedFunction(
        name=name,
        body=bundle.dump(),
        signature=signature_of(fn),
        docstring=inspect.getdoc(_inner(fn)) or "",
        python=bundle.only,
        reasons=tuple(bundle.reasons),
        packages=tuple(sorted(graph.modules.required)),
        source=next((str(n.get("text", "")) for n in bundle.nodes if n["id"] == root), ""),
    )


def name_of(fn: Any) -> str:
    """What to call a callable: its own name, or its class's."""
    fn = _inner(fn)
    name = getattr(fn, "__name__", None) or getattr(getattr(fn, "func", None), "__name__", None)
    return str(name or type(fn).__name__)


def signature_of(fn: Any) -> Optional[dict[str, list[dict[str, Any]]]]:
    """The signature that the service checks calls against; None if there is none to be had."""
    try:
        found = inspect.signature(_inner(fn))
    except (ValueError, TypeError):
        return None
    params = [
        {
            "name": p.name,
            "kind": _KINDS[p.kind],
            "required": p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD),
        }
        for p in found.parameters.values()
    ]
    return {"params": params}


def _inner(fn: Any) -> Any:
    """The function inside a decorator of ours."""
    while hasattr(type(fn), functions.WRAPPED):
        fn = getattr(fn, functions.WRAPPED)
    return fn
