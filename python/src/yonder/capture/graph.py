"""The graph of objects that a function is made of, found by walking live objects.

``Graph.refer(obj)`` makes a node for an object and for all that it needs, and
returns the node's id. Each kind of object has its own file: ``functions``,
``statements``, ``values``. Edges are of two kinds: what must exist before a
node can be built (*now*), and what it needs once it is called (*later*).
"""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any, Optional

from yonder.capture import names
from yonder.capture.bundle import MAX_BYTES, Bundle, Node, minor_version
from yonder.capture.modules import STAYS_HERE, Modules
from yonder.errors import CaptureError

# Globals that every module has; the worker's copy has its own.
_MODULE_NAMES = {"__name__", "__doc__", "__builtins__", "__spec__", "__loader__", "__package__"}
_MODULE_NAMES |= {"__annotations__", "__dict__", "__debug__"}


class Graph:
    """Collects nodes; ``finish`` puts them in order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.modules = Modules()
        self.reasons: list[str] = []
        self._spaces: dict[str, dict[str, Any]] = {}
        self._nodes: dict[str, Node] = {}
        self._now: dict[str, list[str]] = {}
        self._later: dict[str, list[str]] = {}
        # Objects are kept beside their keys: an id must not be given out twice.
        self._seen: dict[int, tuple[str, Any]] = {}
        self._space_of: dict[int, tuple[str, Any]] = {}
        # Globals still to be looked at: (bind, namespace, name, owner). A list,
        # because functions call each other deeper than Python may recurse.
        self._pending: list[tuple[str, dict[str, Any], str, str]] = []
        self._codes: list[types.CodeType] = []
        self._hard: set[str] = set()

    # -- nodes -----------------------------------------------------------

    def refer(self, obj: Any, name: Optional[str] = None) -> str:
        """The id of the node for ``obj``; ``name`` is the global it was found under."""
        from yonder.capture import functions, statements, values

        known = self._seen.get(id(obj))
        if known is not None:
            return known[0]
        if getattr(type(obj), STAYS_HERE, False) and not hasattr(type(obj), functions.WRAPPED):
            raise CaptureError(
                f"a {type(obj).__name__} of yonder stays with the client: take it out of the "
                "function, and submit from the program that calls it"
            )
        key = functions.refer(self, obj) or statements.refer(self, obj)
        return key or values.refer(self, obj, name)

    def add(self, key: str, node: Node, obj: Any = None, now: Iterable[str] = ()) -> str:
        """Add a node under ``key``, or ``key~2`` and so on when that is taken.

        ``obj`` is the live object that the node stands for. A node that may
        refer to itself is added first and completed with ``update``.
        """
        base, count = key, 1
        while key in self._nodes:
            count += 1
            key = f"{base}~{count}"
        self._nodes[key] = {**node, "id": key}
        self._now[key] = list(now)
        self._later[key] = []
        if obj is not None:
            self.alias(obj, key)
        return key

    def update(self, key: str, node: Node, now: Iterable[str] = ()) -> None:
        """Complete a node that was added without its parts."""
        self._nodes[key].update(node)
        self._now[key].extend(now)

    def extend(self, key: str, field: str, value: Any) -> None:
        """Append to a list in a node."""
        self._nodes[key].setdefault(field, []).append(value)

    def alias(self, obj: Any, key: str) -> None:
        """Let ``obj`` stand for the node ``key`` too."""
        self._seen[id(obj)] = (key, obj)

    def known(self, obj: Any) -> Optional[str]:
        """The node that stands for ``obj``, if there is one already."""
        found = self._seen.get(id(obj))
        return found[0] if found else None

    def then(self, owner: str, key: str, node: Node, to: str) -> None:
        """After ``owner``, and once ``to`` exists, do what ``node`` says."""
        key = self.add(key, {**node, "to": to}, now=[to])
        self._later[owner].append(key)

    def only_here(self, reason: str) -> None:
        """Bytecode is needed: the bundle is for this minor version alone."""
        if reason not in self.reasons:
            self.reasons.append(reason)

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """Undo everything that was added if the body raises CaptureError."""
        fields = ("_nodes", "_now", "_later", "_seen", "_space_of", "_spaces")
        saved: dict[str, Any] = {name: dict(getattr(self, name)) for name in fields}
        saved["_pending"], self._pending = self._pending, []
        for name in ("_now", "_later"):
            saved[name] = {key: list(edges) for key, edges in saved[name].items()}
        saved["_nodes"] = {key: dict(node) for key, node in saved["_nodes"].items()}
        sources, reasons = dict(self.modules.sources), list(self.reasons)
        try:
            yield
            self.settle()
            self._pending = saved["_pending"]
        except CaptureError:
            self.__dict__.update(saved)
            self.modules.sources, self.reasons = sources, reasons
            raise

    # -- names -----------------------------------------------------------

    def space(self, namespace: dict[str, Any]) -> str:
        """The id of the module that a dict of globals belongs to."""
        found = self._space_of.get(id(namespace))
        if found is not None:
            return found[0]
        name = key = str(namespace.get("__name__", "__main__"))
        module = sys.modules.get(name)
        if module is None or vars(module) is not namespace:
            key = f"{name}#{len(self._spaces)}"  # exec with a dict of its own
        self._space_of[id(namespace)] = (key, namespace)
        self._spaces[key] = {"name": name, "package": namespace.get("__package__") or None}
        return key

    def bind(self, owner: str, namespace: dict[str, Any], name: str, now: bool = False) -> None:
        """Give the worker's copy of a module the global ``name``, which ``owner`` needs."""
        if name not in namespace or name in _MODULE_NAMES:
            return  # a builtin, or not defined here either
        if name == "__file__":
            raise CaptureError(
                f"{owner} uses __file__, and there is no such file on the worker: pass the path, "
                "or what the file holds, as an argument"
            )
        self._hard.add(self._bind(owner, namespace, name, now))

    def bind_softly(self, owner: str, namespace: dict[str, Any], name: str) -> None:
        """``bind`` for a name that only annotations mention: it may be missing."""
        if isinstance(namespace.get(name), (type, types.ModuleType)):
            required = set(self.modules.required)
            with contextlib.suppress(CaptureError), self.attempt():
                self._bind(owner, namespace, name, now=True)
            self.modules.required = required

    def _bind(self, owner: str, namespace: dict[str, Any], name: str, now: bool) -> str:
        space = self.space(namespace)
        key = f"bind:{space}:{name}"
        (self._now if now else self._later)[owner].append(key)
        if key not in self._nodes:
            self.add(key, {"k": "bind", "space": space, "name": name})
            self._pending.append((key, namespace, name, owner))
        return key

    def settle(self) -> None:
        """Look at all globals that were bound, and at those that these need in turn."""
        while self._pending:
            key, namespace, name, owner = self._pending.pop()
            try:
                to = self.refer(namespace[name], name)
            except CaptureError as error:
                raise CaptureError(f"{error}\n  (global {name!r}, used by {owner})") from error
            self.update(key, {"to": to}, now=[to])

    def use_code(
        self, owner: str, code: types.CodeType, namespace: dict[str, Any], now: Iterable[str] = ()
    ) -> None:
        """Bind the globals of a piece of code and take the modules it imports.

        Names in ``now`` are needed when the code is defined, the others when it runs.
        """
        self.modules.need_imports(code, namespace.get("__package__"))
        for name in now:
            self.bind(owner, namespace, name, now=True)
        for name in names.global_names(code):
            if name not in now:
                self.bind(owner, namespace, name)
        self._codes.append(code)

    def _submodules(self) -> None:
        """``import a.b`` binds only ``a``: find the submodules that code reaches through it."""
        mentioned = {name for code in self._codes for name in names.all_names(code)}
        for node in self._nodes.values():
            if node["k"] != "import" or node.get("attr"):
                continue
            prefix = node["module"] + "."
            for name in list(sys.modules):
                if name.startswith(prefix) and mentioned.issuperset(name[len(prefix) :].split(".")):
                    self.modules.need(name)
                    node["also"] = sorted({*node.get("also", ()), name})

    def _excuse(self) -> None:
        """Imports that only annotations mention may fail on the worker."""
        binds = {key: node["to"] for key, node in self._nodes.items() if node["k"] == "bind"}
        needed = {binds[key] for key in self._hard if key in binds}
        for to in set(binds.values()) - needed:
            if self._nodes[to]["k"] == "import":
                self._nodes[to]["optional"] = True

    # -- the end ---------------------------------------------------------

    def finish(self, roots: Iterable[str], root: Optional[str] = None) -> Bundle:
        """The bundle of everything that ``roots`` need; ``root`` is the function itself."""
        self.settle()
        self._submodules()
        self._excuse()
        order = _Order(self._now, self._later, self._nodes)
        for key in roots:
            order.place(key)
        bundle = Bundle(name=self.name, root=root, reasons=sorted(self.reasons))
        bundle.only = minor_version() if self.reasons else None
        bundle.nodes = [self._nodes[key] for key in order.keys]
        used = {node["space"] for node in bundle.nodes if "space" in node}
        bundle.spaces = {key: self._spaces[key] for key in sorted(used)}
        bundle.modules = {name: self.modules.sources[name] for name in sorted(self.modules.sources)}
        size = len(bundle.dump())
        if size > MAX_BYTES:
            big = max(bundle.nodes, key=lambda node: len(str(node)))
            raise CaptureError(
                f"{self.name!r} would travel with {size / 2**20:.1f} MiB of captured values, most "
                f"of it in {big['id']}; {MAX_BYTES >> 20} MiB are allowed: pass the data as an "
                "argument"
            )
        return bundle


class _Order:
    """Depth first: what a node needs now comes before it, what it needs later after it."""

    def __init__(
        self, now: dict[str, list[str]], later: dict[str, list[str]], nodes: dict[str, Node]
    ) -> None:
        self.keys: list[str] = []
        self._now, self._later, self._nodes = now, later, nodes
        self._seen: set[str] = set()

    def place(self, root: str) -> None:
        """Append all that ``root`` needs; a stack, as nodes nest deeper than Python's."""
        stack = [self._steps(root)] if root not in self._seen else []
        while stack:
            key = next(stack[-1], None)
            if key is None:
                stack.pop()
            elif key not in self._seen:
                stack.append(self._steps(key))

    def _steps(self, key: str) -> Iterator[str]:
        self._seen.add(key)
        yield from self._now[key]
        self.keys.append(key)
        # Imports and constants first: what is called while others are being
        # defined (a decorator, a base class) then finds them.
        yield from sorted(self._later[key], key=self._is_definition)

    def _is_definition(self, key: str) -> bool:
        return any(self._nodes[to]["k"] not in ("import", "lit") for to in self._now[key])
