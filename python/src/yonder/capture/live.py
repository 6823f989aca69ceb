"""What a class or a function's defaults are now, where its statement would
make something else."""

from __future__ import annotations

import ast
import enum
import types
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Optional, Union

from yonder.capture import sources
from yonder.capture.values import literal

if TYPE_CHECKING:
    from yonder.capture.graph import Graph


# Names that Python and its library put into classes.
_MACHINERY = ("__", "_abc_", "_is_protocol", "_is_runtime_protocol")


def keep_attributes(graph: Graph, key: str, tree: ast.ClassDef, cls: type) -> None:
    """Class attributes as they are now, not as the statement would make them.

    A constant expression in the body is executed as written, and the
    attribute set afterwards if it has changed since. Any other expression
    whose value is plain is replaced by that value: what it was computed from
    may have changed.
    """
    if issubclass(cls, (enum.Enum, tuple)):
        return
    # A decorator or a metaclass may have made the value of what a call returned:
    # ``field(default=3)`` is not 3.
    remade = bool(tree.decorator_list) or type(cls) is not type
    written: set[str] = set()
    for stmt in tree.body:
        written.update(sources.bound_names(stmt))
        if isinstance(stmt, (ast.FunctionDef, ast.AsyncFunctionDef)):
            keep_defaults(graph, key, stmt, vars(cls).get(stmt.name))
            continue
        name, expr = _assigned(stmt)
        live = vars(cls).get(name, ...)
        if expr is None or literal(live) is None:
            continue
        if isinstance(expr, ast.Call) and remade:
            continue
        if not _is_constant(expr):
            _replace(graph, key, [(expr, live)])
        elif literal(live) != literal(ast.literal_eval(expr)):
            _set(graph, key, name, live)
    for name, live in vars(cls).items():
        plain = literal(live) is not None or isinstance(live, types.FunctionType)
        if name not in written and plain and not name.startswith(_MACHINERY):
            _set(graph, key, name, live)


def _replace(graph: Graph, key: str, pairs: Iterable[tuple[ast.expr, Any]]) -> None:
    """Have the worker put plain live values in the places of expressions."""
    for expr, live in pairs:
        text = literal(live)
        if text is not None and not _is_constant(expr):
            place = [expr.lineno, expr.col_offset, expr.end_lineno, expr.end_col_offset]
            graph.extend(key, "values", [*place, text])


def _assigned(stmt: ast.stmt) -> tuple[str, Optional[ast.expr]]:
    """``("x", <2 + 2>)`` for ``x = 2 + 2``; ``("", None)`` for other statements."""
    if isinstance(stmt, ast.Assign) and len(stmt.targets) == 1:
        target, value = stmt.targets[0], stmt.value
        return (target.id, value) if isinstance(target, ast.Name) else ("", None)
    if isinstance(stmt, ast.AnnAssign) and isinstance(stmt.target, ast.Name):
        return stmt.target.id, stmt.value
    return "", None


def _is_constant(expr: ast.expr) -> bool:
    try:
        ast.literal_eval(expr)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _set(graph: Graph, key: str, name: str, live: Any) -> None:
    to = graph.refer(live)
    graph.then(key, f"set:{key}:{name}", {"k": "set", "of": key, "attr": name}, to)


def keep_defaults(
    graph: Graph, key: str, stmt: Union[ast.FunctionDef, ast.AsyncFunctionDef], live: Any
) -> None:
    """A function's default values as they are now, where they are plain."""
    _replace(graph, key, _defaults(stmt, live))


def _defaults(
    stmt: Union[ast.FunctionDef, ast.AsyncFunctionDef], live: Any
) -> Iterator[tuple[ast.expr, Any]]:
    """Default expressions of a function with their live values."""
    fn = getattr(live, "__func__", live)
    if not isinstance(fn, types.FunctionType) or hasattr(fn, "__wrapped__"):
        return
    yield from zip(stmt.args.defaults, fn.__defaults__ or ())
    for arg, expr in zip(stmt.args.kwonlyargs, stmt.args.kw_defaults):
        if expr is not None and arg.arg in (fn.__kwdefaults__ or {}):
            yield expr, (fn.__kwdefaults__ or {})[arg.arg]
