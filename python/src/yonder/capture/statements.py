"""Classes, modules, and what only its defining statement can make again
(named tuples, type variables, functions wrapped by a library's decorator)."""

from __future__ import annotations

import ast
import contextlib
import inspect
import sys
import types
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Optional

from yonder.capture import compiling, live, names, sources
from yonder.capture.bundle import Node
from yonder.capture.functions import WRAPPED, by_import
from yonder.capture.modules import home
from yonder.errors import CaptureError

if TYPE_CHECKING:
    from yonder.capture.graph import Graph

_TYPING = ("TypeVar", "ParamSpec", "TypeVarTuple", "NewType", "TypeAliasType")


def refer(graph: Graph, obj: Any) -> Optional[str]:
    """A node for a module, a class or a type variable; None for anything else."""
    if isinstance(obj, types.ModuleType):
        return _module(graph, obj)
    if isinstance(obj, type):
        return _class(graph, obj)
    if type(obj).__module__ == "typing" and type(obj).__name__ in _TYPING:
        return by_import(graph, obj) or by_name(graph, obj)
    return None


def _module(graph: Graph, module: types.ModuleType) -> str:
    name = module.__name__
    if home(name) == "main" or sys.modules.get(name) is not module or not graph.modules.need(name):
        raise CaptureError(
            f"module {name!r} cannot be imported by a worker: use the things in it directly, or "
            "put them into a file of your project"
        )
    return graph.add(name, {"k": "import", "module": name}, module)


def _class(graph: Graph, cls: type) -> str:
    found = by_import(graph, cls)
    if found is not None:
        return found
    owner, _, name = cls.__qualname__.rpartition(".")
    if "<locals>" in cls.__qualname__:
        return _local_class(graph, cls)
    if owner:
        return _nested_class(graph, cls, owner, name)
    found = by_name(graph, cls)
    if found is None:
        raise CaptureError(
            f"there is no source for class {cls.__module__}.{cls.__qualname__} as it is now: "
            "define it with a `class` statement in a file or a notebook, and if it was defined "
            "again or its file was edited, make the objects again"
        )
    return found


def _nested_class(graph: Graph, cls: type, owner: str, name: str) -> str:
    outer: Any = sys.modules.get(cls.__module__)
    for part in owner.split("."):
        outer = getattr(outer, part, None)
    if not isinstance(outer, type) or getattr(outer, name, None) is not cls:
        raise CaptureError(f"class {cls.__qualname__} is not found under its name")
    of = graph.refer(outer)
    node = {"k": "attr", "of": of, "attr": name}
    return graph.known(cls) or graph.add(f"{of}.{name}", node, cls, [of])


def by_name(graph: Graph, obj: Any) -> Optional[str]:
    """A node for what a statement at module level defines under the object's name."""
    module = sys.modules.get(getattr(obj, "__module__", None) or "")
    name = str(getattr(obj, "__qualname__", None) or getattr(obj, "__name__", ""))
    if module is None or home(module.__name__) == "installed":
        return None
    namespace = vars(module)
    now, skip = namespace.get(name), 0
    while hasattr(type(now), WRAPPED):
        now, skip = getattr(now, WRAPPED), skip + 1
    if now is not obj:
        return None
    for found in _statements(namespace, name, obj):
        if _defines(found, obj, namespace):
            return _add(graph, found, namespace, obj, name, skip)
    return None


def decorated(graph: Graph, obj: Any, name: str) -> Optional[str]:
    """A node for what a decorator made of a function: the decorated ``def`` of that name."""
    wrapped = (getattr(obj, "__module__", None), getattr(obj, "__qualname__", None) or name)
    module = sys.modules.get(str(wrapped[0]))
    if wrapped[1] != name or module is None or vars(module).get(name) is not obj:
        return None
    for source in sources.of_module(vars(module)):
        for found in reversed(source.top.get(name, [])):
            # Only if nothing else was bound to the name afterwards.
            plain = isinstance(found.node, (ast.FunctionDef, ast.AsyncFunctionDef))
            if not plain or not getattr(found.node, "decorator_list", None):
                return None
            return _add(graph, found, vars(module), obj, name)
    return None


def _statements(namespace: dict[str, Any], name: str, obj: Any) -> Iterator[sources.Found]:
    """Candidates, the newest first."""
    for code in _codes(obj) if isinstance(obj, type) else ():
        source = sources.of_code(code, namespace)
        if source is not None:
            yield from reversed(source.top.get(name, []))
    for source in sources.of_module(namespace):
        yield from reversed(source.top.get(name, []))


def _codes(cls: type) -> list[types.CodeType]:
    """Code of the methods that were written in the class statement."""
    namespace = vars(sys.modules[cls.__module__])
    found = []
    for value in vars(cls).values():
        fn = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
        code = getattr(fn, "__code__", None)
        written = getattr(fn, "__qualname__", "").startswith(cls.__qualname__ + ".")
        if not isinstance(code, types.CodeType) or hasattr(fn, "__wrapped__"):
            continue
        if written and fn.__globals__ is namespace:  # not put in by a library
            found.append(code)
    return [code for code in found if code.co_filename != "<string>"]


def _defines(found: sources.Found, obj: Any, namespace: dict[str, Any]) -> bool:
    """Whether a statement made the live object, as far as that can be told."""
    node = found.node
    if not isinstance(obj, type):
        return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Assign, ast.AnnAssign))
    if not isinstance(node, ast.ClassDef):
        # Point = namedtuple("Point", "x y"); a class is never a plain assignment's value.
        return isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
    notes: dict[str, Any] = {}
    with contextlib.suppress(Exception):
        notes = (
            dict(inspect.get_annotations(obj))
            if sys.version_info >= (3, 10)
            else dict(vars(obj).get("__annotations__", {}))
        )
    for stmt in node.body:
        if isinstance(stmt, (ast.FunctionDef, ast.AsyncFunctionDef)) and not _has(obj, stmt.name):
            return False
        if isinstance(stmt, ast.AnnAssign) and isinstance(stmt.target, ast.Name):
            name = stmt.target.id
            if name not in notes and _mangled(obj, name) not in notes:
                return False
    if not sources.is_plain(namespace):
        return True
    flags, codes = _flags(obj, namespace), list(_codes(obj))
    for imported in found.source.imported:
        inside = list(names.nested(_compile(node, flags, imported)))
        if all(any(compiling.same_code(c, code) for c in inside) for code in codes):
            return True
    return False


def _has(cls: type, name: str) -> bool:
    return name in vars(cls) or _mangled(cls, name) in vars(cls)


def _mangled(cls: type, name: str) -> str:
    return f"_{cls.__name__.lstrip('_')}{name}"


def _flags(obj: Any, namespace: dict[str, Any]) -> int:
    """The ``from __future__`` features that were on where the object was defined."""
    flags = 0
    for code in _codes(obj) if isinstance(obj, type) else ():
        flags |= code.co_flags & compiling.FUTURES
    for value in list(namespace.values()):
        # ``from __future__ import annotations`` leaves the feature as a global.
        flag = getattr(value, "compiler_flag", 0)
        if type(value).__module__ == "__future__":
            flags |= flag & compiling.FUTURES
    return flags


def _compile(stmt: Any, flags: int, imported: Iterable[str] = ()) -> types.CodeType:
    module = compiling.module_of(stmt, imported)
    code: types.CodeType = compile(module, "<statement>", "exec", flags, dont_inherit=True)
    return code


def _add(
    graph: Graph,
    found: sources.Found,
    namespace: dict[str, Any],
    obj: Any,
    name: str,
    skip: int = 0,
) -> str:
    space = graph.space(namespace)
    text = found.source.segment(found)
    indented = bool(getattr(found.node, "col_offset", 0))
    tree = compiling.statement(text, 1, indented)
    flags = _flags(obj, namespace)
    first = found.line - text[: len(text) - len(text.lstrip("\n"))].count("\n")
    decorators = getattr(found.node, "decorator_list", [])
    node: Node = {
        "k": "source",
        "space": space,
        "name": name,
        "text": text,
        "line": min([first, *(d.lineno for d in decorators)]),
        "file": found.source.label,
        "flags": flags,
    }
    if indented:
        node["indented"] = True
    if skip:
        node["skip"] = skip
        tree.decorator_list = tree.decorator_list[skip:]  # type: ignore[attr-defined]  # decorated, or there would be nothing to skip
    key = graph.add(f"{space}:{obj.__qualname__ if isinstance(obj, type) else name}", node, obj)
    if isinstance(tree, ast.ClassDef):
        live.keep_attributes(graph, key, tree, obj)
    elif isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)):
        live.keep_defaults(graph, key, tree, getattr(obj, "__wrapped__", None))
    code = _compile(tree, flags)
    now, _ = names.split_names(code)
    graph.use_code(key, code, namespace, [n for n in now if n != name])
    if flags & compiling.LAZY_ANNOTATIONS:
        for note in names.annotation_names(tree):
            graph.bind_softly(key, namespace, note)
    if namespace.get(name) is obj or skip:
        graph.bind(key, namespace, name)
    return key


def _local_class(graph: Graph, cls: type) -> str:
    """A class defined inside a function: only if it uses none of that function's variables."""
    namespace: dict[str, Any] = vars(sys.modules[cls.__module__])
    codes = _codes(cls)
    around = sorted({n for code in codes for n in code.co_freevars} - {"__class__"})
    if around:
        raise CaptureError(
            f"class {cls.__qualname__} uses {', '.join(map(repr, around))} of the function around "
            "it: define the class at module level"
        )
    searched = [sources.of_code(code, namespace) for code in codes]
    for source in [s for s in searched if s is not None] + list(sources.of_module(namespace)):
        for places in source.by_line.values():
            for found in places:
                same = [*(n for _, n in found.scope), getattr(found.node, "name", "")]
                path = [part for part in cls.__qualname__.split(".") if part != "<locals>"]
                if same == path and _defines(found, cls, namespace):
                    return _add(graph, found, namespace, cls, cls.__name__)
    raise CaptureError(
        f"there is no source for class {cls.__qualname__}: define it at module level"
    )
