"""Source text to code object, the same way on both sides.

The client compiles what it found and compares the result with the live
function before it sends anything; the worker compiles the same text again.
"""

from __future__ import annotations
import __future__

import ast
import sys
from collections.abc import Iterable
from types import CodeType
from typing import Any, Optional

LAZY_ANNOTATIONS = __future__.annotations.compiler_flag
FUTURES = 0
for _feature in __future__.all_feature_names:
    FUTURES |= getattr(__future__, _feature).compiler_flag
_CO_NESTED = 0x10

# The scopes around a function, outermost first: ("def" or "class", name).
Scope = list[list[str]]


def statement(text: str, line: int, indented: bool = False) -> ast.stmt:
    """The one statement in ``text``, which begins on ``line`` of its file.

    Indented text is put below an ``if`` rather than dedented: strings that
    span lines must keep their spaces.
    """
    body = ast.parse("if 1:\n" + text).body[0] if indented else ast.parse(text).body[0]
    found = body.body[0] if indented and isinstance(body, ast.If) else body
    shift = line - 2 if indented else line - 1
    return ast.increment_lineno(found, shift)


def expression(text: str, line: int) -> ast.expr:
    """The expression in ``text``; the parentheses let it span lines."""
    found = ast.parse("(" + text + "\n)", mode="eval").body
    return ast.increment_lineno(found, line - 1)


def function_code(
    node: ast.AST,
    scope: Scope,
    free: list[str],
    flags: int,
    filename: str,
    imported: Iterable[str] = (),
) -> Optional[CodeType]:
    """The code object of a ``def`` or ``lambda`` with ``free`` as closure variables.

    The scopes around it are put up again as empty shells, so that free
    variables, private names (``__x``) and qualified names come out as they
    were. Decorators, defaults and annotations are not evaluated. ``imported``
    are the names that the module imports (see ``module_of``).
    """
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        node.decorator_list = []
        inner: ast.stmt = node
        name = node.name
    else:
        assert isinstance(node, ast.Lambda)
        inner, name = ast.Expr(value=node), "<lambda>"
    for depth in range(len(scope) - 1, -1, -1):
        kind, title = scope[depth]
        params = free if kind == "def" and _innermost_def(scope) == depth else []
        inner = _shell(kind, title, [p for p in params if p != "__class__"], inner)
    code = compile(module_of(inner, imported), filename, "exec", flags, dont_inherit=True)
    for _, title in scope:
        step = _child(code, title)
        if step is None:
            return None
        code = step
    return _child(code, name)


def module_of(stmt: ast.stmt, imported: Iterable[str] = ()) -> ast.Module:
    """A module that holds the one statement.

    The compiler emits a method call on an imported name in another way than on
    others. To compare bytecode, the same names must be imported.
    """
    imports = [ast.Import(names=[ast.alias(name=name, asname=None)]) for name in imported]
    return ast.fix_missing_locations(ast.Module(body=[*imports, stmt], type_ignores=[]))


def _innermost_def(scope: Scope) -> int:
    return max((i for i, (kind, _) in enumerate(scope) if kind == "def"), default=-1)


def _shell(kind: str, name: str, params: list[str], inner: ast.stmt) -> ast.stmt:
    source = "class _: pass" if kind == "class" else f"def _({', '.join(params)}): pass"
    shell: Any = ast.parse(source).body[0]
    shell.name, shell.body = name, [inner]
    stmt: ast.stmt = shell
    return stmt


def _child(code: CodeType, name: str) -> Optional[CodeType]:
    for const in code.co_consts:
        if isinstance(const, CodeType) and const.co_name == name:
            return const
    return None


def same_code(a: CodeType, b: CodeType) -> bool:
    """Whether two code objects do the same, wherever in a file they stand."""
    return (
        a.co_code == b.co_code
        and a.co_names == b.co_names
        and a.co_varnames == b.co_varnames
        and set(a.co_freevars) == set(b.co_freevars)
        and a.co_cellvars == b.co_cellvars
        and a.co_argcount == b.co_argcount
        and a.co_posonlyargcount == b.co_posonlyargcount
        and a.co_kwonlyargcount == b.co_kwonlyargcount
        and a.co_flags & ~_CO_NESTED == b.co_flags & ~_CO_NESTED
        and _same_consts(a.co_consts, b.co_consts)
    )


def _same_consts(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    return len(a) == len(b) and all(_same_const(x, y) for x, y in zip(a, b))


def _same_const(a: Any, b: Any) -> bool:
    if isinstance(a, CodeType) and isinstance(b, CodeType):
        return same_code(a, b)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return _same_consts(a, b)
    if isinstance(a, str) and isinstance(b, str) and "<locals>" in a and sys.version_info < (3, 11):
        return True  # the qualified name of an inner function: up to 3.10 a constant
    if isinstance(a, frozenset) and isinstance(b, frozenset):
        return a == b
    # repr tells 0.0 from -0.0 and matches nan with nan.
    return type(a) is type(b) and repr(a) == repr(b)


def older_flags(python: str) -> int:
    """Flags for source captured on ``python`` when this interpreter is older.

    Annotations may be written as only newer versions evaluate them
    (``int | None``); then they stay text, as with ``from __future__ import annotations``.
    """
    here = (sys.version_info[0], sys.version_info[1])
    return LAZY_ANNOTATIONS if tuple(map(int, python.split("."))) > here else 0
