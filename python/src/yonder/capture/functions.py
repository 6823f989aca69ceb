"""Functions: by import when installed, by source when they are the user's
own, by bytecode when there is no source."""

from __future__ import annotations

import ast
import base64
import contextlib
import functools
import marshal
import sys
import types
from typing import TYPE_CHECKING, Any, Optional

from yonder.capture import compiling, sources
from yonder.capture.bundle import Node
from yonder.capture.modules import home
from yonder.errors import CaptureError

if TYPE_CHECKING:
    from yonder.capture.graph import Graph

# Decorators of ours keep the function that they wrap under this attribute.
WRAPPED = "__yonder_function__"

_SINGLE_DISPATCH = getattr(functools.singledispatch(len), "__code__", None)


def refer(graph: Graph, obj: Any) -> Optional[str]:
    """A node for a function or a method of a library's object; None for anything else."""
    if hasattr(type(obj), WRAPPED):
        key = graph.refer(getattr(obj, WRAPPED))
        graph.alias(obj, key)
        return key
    if isinstance(obj, (types.BuiltinFunctionType, types.MethodType)):
        return _of_library(graph, obj)
    if not isinstance(obj, types.FunctionType) or is_single_dispatch(obj):
        return None
    if not is_installed(obj):
        return _by_attribute(graph, obj) or _by_source(graph, obj)
    from yonder.capture import statements

    found = by_import(graph, obj) or statements.by_name(graph, obj)
    if found is None:
        raise CaptureError(
            f"{obj.__qualname__!r} was made by {obj.__globals__.get('__name__')}, and its own "
            "source does not say how: define it at module level, with the decorator, and under "
            "the name it has"
        )
    return found


def is_single_dispatch(obj: Any) -> bool:
    """Whether this is what ``functools.singledispatch`` makes."""
    return getattr(obj, "__code__", None) is _SINGLE_DISPATCH


def is_installed(fn: types.FunctionType) -> bool:
    """Whether the function's code belongs to an installed module."""
    name = str(fn.__globals__.get("__name__", "__main__"))
    module = sys.modules.get(name)
    owns = module is not None and vars(module) is fn.__globals__
    return owns and home(name) == "installed"


def by_import(graph: Graph, obj: Any) -> Optional[str]:
    """A node for an object that the worker finds under its module and qualified name."""
    module, name = getattr(obj, "__module__", None), getattr(obj, "__qualname__", None)
    owner = getattr(obj, "__self__", None)
    if isinstance(owner, types.ModuleType):
        module = owner.__name__
    if not isinstance(module, str) or not isinstance(name, str) or home(module) != "installed":
        return None
    return _import_node(graph, obj, module, name)


def _import_node(graph: Graph, obj: Any, module: str, name: str) -> Optional[str]:
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not obj:
        return None
    graph.modules.need(module)
    return graph.add(f"{module}:{name}", {"k": "import", "module": module, "attr": name}, obj)


def _of_library(graph: Graph, obj: Any) -> Optional[str]:
    """Builtins, and methods such as ``random.random``: of an instance hidden in its module.

    By value such a method would carry its instance's state to every worker.
    """
    found = by_import(graph, obj)
    owner = getattr(obj, "__self__", None)
    if found is not None or owner is None or isinstance(owner, (type, types.ModuleType)):
        return found
    module = type(owner).__module__
    return _import_node(graph, obj, module, obj.__name__) if home(module) == "installed" else None


def _by_attribute(graph: Graph, obj: Any) -> Optional[str]:
    """``Class.method``: the class travels, the function is looked up in it."""
    owner, _, name = obj.__qualname__.rpartition(".")
    if not owner or "<locals>" in owner:
        return None
    cls: Any = obj.__globals__.get(owner.partition(".")[0])
    for part in owner.split(".")[1:]:
        cls = getattr(cls, part, None)
    if not isinstance(cls, type) or getattr(cls, name, None) is not obj:
        return None
    of = graph.refer(cls)
    node = {"k": "attr", "of": of, "attr": name}
    return graph.known(obj) or graph.add(f"{of}.{name}", node, obj, [of])


def _by_source(graph: Graph, fn: types.FunctionType) -> str:
    code, namespace = fn.__code__, fn.__globals__
    space = graph.space(namespace)
    node: Node = {"k": "function", "space": space, "name": code.co_name}
    key = graph.add(f"{space}:{fn.__qualname__}", node, fn)
    graph.update(key, {**_body(graph, fn), "free": list(code.co_freevars), "meta": _meta(fn)})
    cells = [_cell(graph, key, *pair) for pair in zip(code.co_freevars, fn.__closure__ or ())]
    graph.update(key, {"cells": cells})
    for name, value in (("defaults", fn.__defaults__), ("kwdefaults", fn.__kwdefaults__)):
        if value:
            to = _part(graph, value, f"a default value of {key}")
            graph.update(key, {name: to}, now=[to])
    _attributes(graph, key, fn)
    graph.use_code(key, code, namespace)
    if namespace.get(fn.__qualname__) is fn:
        graph.bind(key, namespace, fn.__qualname__)
    return key


def _part(graph: Graph, value: Any, what: str) -> str:
    try:
        return graph.refer(value)
    except CaptureError as error:
        raise CaptureError(f"{error}\n  ({what})") from error


def _body(graph: Graph, fn: types.FunctionType) -> Node:
    found, why = find(fn)
    if found is None:
        graph.only_here(why)
        data = base64.b64encode(marshal.dumps(fn.__code__)).decode("ascii")
        return {"code": data, "file": fn.__code__.co_filename.rpartition("/")[2]}
    body: Node = {
        "text": definition_text(found),
        "line": found.line,
        "file": found.source.label,
        "scope": found.scope,
        "flags": fn.__code__.co_flags & compiling.FUTURES,
    }
    if isinstance(found.node, ast.Lambda):
        body["lambda"] = True
    elif getattr(found.node, "col_offset", 0):
        body["indented"] = True
    return body


def definition_text(found: sources.Found) -> str:
    """A function's own text; decorators stay out, the live object already has them."""
    node: Any = found.node
    if isinstance(node, ast.Lambda):
        return found.source.segment(found)
    return "".join(found.source.lines[node.lineno - 1 : node.end_lineno])


def find(fn: types.FunctionType) -> tuple[Optional[sources.Found], str]:
    """The source that compiles to this very function, or the reason why there is none."""
    code, namespace = fn.__code__, fn.__globals__
    source = sources.of_code(code, namespace)
    if source is None:
        return None, f"there is no source for {fn.__qualname__!r}"
    candidates = [
        found
        for found in source.by_line.get(code.co_firstlineno, [])
        if getattr(found.node, "name", "<lambda>") == code.co_name
    ]
    for found in candidates:
        if _compiles_to(found, code):
            return found, ""
    if len(candidates) == 1 and not sources.is_plain(namespace):
        return candidates[0], ""
    return None, f"the source of {fn.__qualname__!r} is not what was loaded"


def _compiles_to(found: sources.Found, code: types.CodeType) -> bool:
    return any(_compiles_with(names, found, code) for names in found.source.imported)


def _compiles_with(imported: list[str], found: sources.Found, code: types.CodeType) -> bool:
    text = definition_text(found)
    with contextlib.suppress(SyntaxError, ValueError):
        if isinstance(found.node, ast.Lambda):
            node: ast.AST = compiling.expression(text, found.line)
        else:
            indented = bool(getattr(found.node, "col_offset", 0))
            node = compiling.statement(text, found.line, indented)
        flags = code.co_flags & compiling.FUTURES
        free = list(code.co_freevars)
        made = compiling.function_code(node, found.scope, free, flags, code.co_filename, imported)
        return made is not None and compiling.same_code(made, code)
    return False


def _cell(graph: Graph, owner: str, name: str, cell: types.CellType) -> str:
    """A closure cell; functions that share a cell share it on the worker too."""
    known = graph.known(cell)
    if known is not None:
        return known
    key = graph.add(f"cell:{owner}:{name}", {"k": "cell"}, cell)
    graph.update(key, {"cell": key})
    try:
        content = cell.cell_contents
    except ValueError:
        return key  # not assigned yet
    to = _part(graph, content, f"variable {name!r} around {owner}")
    graph.then(owner, f"fill:{key}", {"k": "fill", "cell": key}, to)
    return key


def _meta(fn: types.FunctionType) -> Node:
    """What decorators may have changed about a function's looks."""
    meta: Node = {"qualname": fn.__qualname__}
    consts = fn.__code__.co_consts
    if fn.__name__ != fn.__code__.co_name:
        meta["name"] = fn.__name__
    if fn.__module__ != fn.__globals__.get("__name__"):
        meta["module"] = fn.__module__
    if fn.__doc__ is not None and fn.__doc__ != (consts[0] if consts else None):
        meta["doc"] = fn.__doc__
    return meta


def _attributes(graph: Graph, key: str, fn: types.FunctionType) -> None:
    for name, value in vars(fn).items():
        to = _part(graph, value, f"attribute {name!r} of {key}")
        graph.then(key, f"set:{key}:{name}", {"k": "set", "of": key, "attr": name}, to)
    notes: dict[str, Any] = {}
    with contextlib.suppress(Exception):  # newer versions evaluate them only now
        notes = dict(fn.__annotations__)
    if notes:
        _annotations(graph, key, notes)


def _annotations(graph: Graph, key: str, notes: dict[str, Any]) -> None:
    """Annotations are kept when that is easy: few functions look at them."""
    required = set(graph.modules.required)
    with contextlib.suppress(CaptureError), graph.attempt():
        to = graph.refer(notes)
        graph.update(to, {"optional": True})
        node = {"k": "set", "of": key, "attr": "__annotations__"}
        graph.then(key, f"set:{key}:__annotations__", node, to)
    graph.modules.required = required
