"""Which names a piece of code takes from outside, read off its bytecode.

Bytecode is exact where source is not: it tells a global from an attribute
and from a local of the same name.
"""

from __future__ import annotations

import ast
import dis
import inspect
from collections.abc import Iterator
from types import CodeType
from typing import NamedTuple

_GLOBAL = {
    "LOAD_GLOBAL",
    "LOAD_NAME",
    "LOAD_FROM_DICT_OR_GLOBALS",
    "STORE_GLOBAL",
    "DELETE_GLOBAL",
}
# Code objects that run where they stand, not when somebody calls them.
_IMMEDIATE = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<generic parameters")


class Import(NamedTuple):
    """One import statement: ``from ..a import b`` is ``(2, "a", ("b",))``."""

    level: int
    module: str
    names: tuple[str, ...]


def nested(code: CodeType) -> Iterator[CodeType]:
    """The code object and all that are inside it."""
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from nested(const)


def global_names(code: CodeType) -> list[str]:
    """Names read or written as globals by the code or anything nested in it."""
    found: dict[str, None] = {}
    for part in nested(code):
        for step in dis.get_instructions(part):
            if step.opname in _GLOBAL:
                found.setdefault(str(step.argval))
    return list(found)


def all_names(code: CodeType) -> set[str]:
    """Every name the code mentions, attributes included."""
    return {name for part in nested(code) for name in part.co_names}


def imports_in(code: CodeType) -> list[Import]:
    """Import statements of the code and anything nested in it."""
    found: dict[Import, None] = {}
    for part in nested(code):
        steps = list(dis.get_instructions(part))
        for at, step in enumerate(steps):
            if step.opname == "IMPORT_NAME":
                level, names = steps[at - 2].argval, steps[at - 1].argval
                found.setdefault(Import(level or 0, str(step.argval), tuple(names or ())))
    return list(found)


def split_names(code: CodeType) -> tuple[list[str], list[str]]:
    """Names a statement needs when it runs, and those its functions need later.

    ``code`` is the code of a module that holds the one statement.
    """
    now: dict[str, None] = {}
    later: dict[str, None] = {}
    _split(code, now, later)
    return list(now), [name for name in later if name not in now]


def _split(code: CodeType, now: dict[str, None], later: dict[str, None]) -> None:
    stored: set[str] = set()
    for step in dis.get_instructions(code):
        if step.opname == "STORE_NAME":
            stored.add(str(step.argval))
        elif step.opname in _GLOBAL and step.argval not in stored:
            now.setdefault(str(step.argval))
    for const in code.co_consts:
        if not isinstance(const, CodeType):
            continue
        is_body = not const.co_flags & inspect.CO_OPTIMIZED
        if is_body or const.co_name.startswith(_IMMEDIATE):
            _split(const, now, later)
        else:
            later.update(dict.fromkeys(global_names(const)))


def annotation_names(node: ast.AST) -> list[str]:
    """Names that only annotations mention, also inside string annotations."""
    found: dict[str, None] = {}
    for part in ast.walk(node):
        for field in ("annotation", "returns"):
            note = getattr(part, field, None)
            if note is not None:
                _names_in(note, found)
    return list(found)


def _names_in(note: ast.AST, found: dict[str, None]) -> None:
    for part in ast.walk(note):
        if isinstance(part, ast.Name):
            found.setdefault(part.id)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            try:
                inner = ast.parse(part.value, mode="eval")
            except SyntaxError:
                continue
            found.update(dict.fromkeys(n.id for n in ast.walk(inner) if isinstance(n, ast.Name)))
