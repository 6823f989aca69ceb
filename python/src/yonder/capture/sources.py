"""Finding the source of live functions and classes, wherever it is kept:
files, notebook cells, the interactive prompt of newer Pythons."""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import io
import linecache
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, Optional

from yonder.capture.compiling import Scope


@dataclass(frozen=True)
class Found:
    """A definition and the scopes around it, outermost first."""

    node: ast.AST
    scope: Scope
    source: Source

    @property
    def line(self) -> int:
        """First line without decorators, counted from 1."""
        return int(getattr(self.node, "lineno", 1))


@dataclass(eq=False)
class Source:
    """One parsed file or cell; ``label`` is its name in remote tracebacks."""

    label: str
    text: str
    tree: ast.Module
    by_line: dict[int, list[Found]] = field(default_factory=dict)
    top: dict[str, list[Found]] = field(default_factory=dict)

    @functools.cached_property
    def imported(self) -> list[list[str]]:
        """Names imported at module level, as the compiler may have seen them: all
        that the file imports, or none, where a notebook compiled each statement alone."""
        kinds = (ast.Import, ast.ImportFrom)
        names = [n for n, made in self.top.items() if any(isinstance(f.node, kinds) for f in made)]
        return [names, []] if names else [[]]

    @functools.cached_property
    def lines(self) -> list[str]:
        """The text's lines with their ends, as Python counts them (a form feed ends none)."""
        return io.StringIO(self.text).readlines()

    def segment(self, found: Found) -> str:
        """The definition's text: whole lines of a statement, a lambda's own characters."""
        node: Any = found.node
        if isinstance(node, ast.Lambda):
            return ast.get_source_segment(self.text, node) or ""
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        return "".join(self.lines[first - 1 : node.end_lineno])


@functools.lru_cache(maxsize=512)
def parse(text: str, label: str) -> Optional[Source]:
    """The parsed source, ``None`` if it is not Python that this version reads."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    source = Source(label, text, tree)
    for found in _definitions(tree, [], source):
        source.by_line.setdefault(_first_line(found.node), []).append(found)
    for stmt in _top_statements(tree.body):
        for name in bound_names(stmt):
            source.top.setdefault(name, []).append(Found(stmt, [], source))
    return source


def _first_line(node: Any) -> int:
    """What ``co_firstlineno`` says: decorators count."""
    return int(min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))]))


def _definitions(node: ast.AST, scope: Scope, source: Source) -> Iterator[Found]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield Found(child, scope, source)
            yield from _definitions(child, [*scope, ["def", child.name]], source)
        elif isinstance(child, ast.Lambda):
            yield Found(child, scope, source)
            yield from _definitions(child, [*scope, ["def", "<lambda>"]], source)
        elif isinstance(child, ast.ClassDef):
            yield Found(child, scope, source)
            yield from _definitions(child, [*scope, ["class", child.name]], source)
        elif isinstance(child, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            # A function in a comprehension closes over its variables as over a function's.
            yield from _definitions(child, [*scope, ["def", "<comprehension>"]], source)
        else:
            yield from _definitions(child, scope, source)


def _top_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when the module does, those inside if, try, with and loops too."""
    for stmt in body:
        yield stmt
        for name in ("body", "orelse", "finalbody"):
            if not isinstance(stmt, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield from _top_statements(getattr(stmt, name, []))
        for handler in getattr(stmt, "handlers", []):
            yield from _top_statements(handler.body)


def bound_names(stmt: ast.stmt) -> list[str]:
    """Names that a statement gives a value to, itself and not by what is inside it."""
    if isinstance(stmt, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [stmt.name]
    if isinstance(stmt, (ast.Import, ast.ImportFrom)):
        return [alias.asname or alias.name.partition(".")[0] for alias in stmt.names]
    targets: list[ast.AST] = list(getattr(stmt, "targets", []))
    if isinstance(stmt, (ast.AnnAssign, ast.AugAssign, ast.For)):
        targets.append(stmt.target)
    parts = [part for target in targets for part in ast.walk(target)]
    return [p.id for p in parts if isinstance(p, ast.Name) and isinstance(p.ctx, ast.Store)]


def of_code(code: CodeType, namespace: dict[str, Any]) -> Optional[Source]:
    """The source of the file or cell that a code object was compiled from."""
    name = code.co_filename
    lines = _lines(name, namespace)
    if not lines:
        # Python 3.13 keeps what was typed at its prompt by code object.
        typed = getattr(linecache, "_getlines_from_code", None)
        lines = list(typed(code)) if typed else []
    if not lines and name == _TIMED:
        return _timed(code, namespace.get("In"))
    return parse("".join(lines), _label(name, lines)) if lines else None


# What IPython calls the code of a cell that begins with %%time, of which it keeps no lines.
_TIMED = "<timed exec>"


def _timed(code: CodeType, history: Any) -> Optional[Source]:
    """The newest cell that defines a name at the line where the code has it."""
    for source in _cells(history):
        for found in source.by_line.get(code.co_firstlineno, []):
            if getattr(found.node, "name", "<lambda>") == code.co_name:
                return source
    return None


def _plain_cell(cell: str) -> str:
    """The lines below a magic such as %%time, which the history has as a call; else the cell."""
    if not cell.startswith("get_ipython().run_cell_magic("):
        return cell
    with contextlib.suppress(SyntaxError, ValueError, AttributeError, IndexError):
        call: Any = ast.parse(cell, mode="eval").body
        return str(ast.literal_eval(call.args[2]))
    return cell


def of_module(namespace: dict[str, Any]) -> Iterator[Source]:
    """All sources that may have defined a module's names, newest first."""
    if "get_ipython" in namespace:
        yield from _cells(namespace.get("In"))
    filename = namespace.get("__file__")
    if isinstance(filename, str):
        lines = _lines(filename, namespace)
        source = parse("".join(lines), _label(filename, lines))
        if source is not None:
            yield source
    elif namespace.get("__name__") == "__main__":
        yield from _typed()


def _cells(history: Any) -> Iterator[Source]:
    """A notebook's cells: its history tells the order, what was not kept in it comes last."""
    cells = history if isinstance(history, list) else []
    texts = [_plain_cell(cell) for cell in cells if isinstance(cell, str)]
    kept = [e[2] for name, e in linecache.cache.items() if _is_cell(name) and len(e) == 4]
    for text in [*reversed(texts), *("".join(lines) for lines in reversed(kept))]:
        source = parse(text, _label("<ipython-input-", [text]))
        if source is not None:
            yield source


def _typed() -> Iterator[Source]:
    """What was typed at the prompt or given with ``-c``, where Python keeps it."""
    kept = dict(getattr(linecache, "_interactive_cache", {}))
    kept.update({k: v for k, v in linecache.cache.items() if k.startswith("<python-input-")})
    for entry in reversed(list(kept.values())):
        lines = entry[2] if len(entry) == 4 else []
        source = parse("".join(lines), "<stdin>")
        if source is not None:
            yield source


def _lines(filename: str, namespace: dict[str, Any]) -> list[str]:
    if not filename.startswith("<"):
        linecache.checkcache(filename)  # read again what was edited
    return linecache.getlines(filename, namespace)


def _is_cell(filename: str) -> bool:
    return "ipykernel_" in filename or filename.startswith("<ipython-input-")


def _label(filename: str, lines: list[str]) -> str:
    """A file's name that says nothing about this machine or this session."""
    if _is_cell(filename):
        digest = hashlib.sha256("".join(lines).strip().encode("utf-8", "replace")).hexdigest()
        return f"<cell {digest[:8]}>"
    if filename.startswith("<python-input-"):
        return "<stdin>"
    return os.path.basename(filename)


def is_plain(namespace: dict[str, Any]) -> bool:
    """Whether the module was compiled from its source as it stands.

    Import hooks may rewrite what they load (pytest does, for its asserts);
    then live bytecode cannot be compared with the source.
    """
    loader = namespace.get("__loader__")
    if loader is None or namespace.get("__name__") == "__main__":
        return True
    return type(loader).__module__ in ("_frozen_importlib_external", "zipimport", "builtins")
