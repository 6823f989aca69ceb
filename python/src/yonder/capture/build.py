"""Building the nodes of a bundle, in their order."""

from __future__ import annotations

import ast
import base64
import importlib
import io
import linecache
import marshal
import types
from typing import Any

from yonder.capture import compiling
from yonder.capture.bundle import Bundle, Node, minor_version
from yonder.capture.pickling import CodeUnpickler
from yonder.errors import RestoreError, UnpackError


class Builder:
    """Fills ``table`` (objects by node id); what is there already is used as it is.

    ``spaces`` are the dicts of globals by space id. ``done`` are the names
    that are bound already: they, and what they refer to, stay as they are.
    """

    def __init__(
        self,
        bundle: Bundle,
        spaces: dict[str, dict[str, Any]],
        table: dict[str, Any],
        done: set[str],
    ) -> None:
        self._bundle, self._spaces, self._table = bundle, spaces, table
        self._done = done | set(table)
        self._cells: dict[str, types.CellType] = {}
        # Links whose target comes only later: definitions that use each other.
        self._waiting: list[Node] = []

    def run(self) -> None:
        """Build all nodes; RestoreError names the one that cannot be built."""
        makers = {
            "lit": _literal,
            "pickle": self._pickle,
            "import": _import,
            "attr": self._attr,
            "function": self._function,
            "source": self._source,
            "cell": self._cell,
        }
        for node in self._bundle.nodes:
            if node["k"] in ("bind", "fill", "set"):
                if node["id"] not in self._done and node.get("of") not in self._done:
                    self._waiting.append(node)
            elif node["id"] not in self._table:
                try:
                    self._table[node["id"]] = makers[node["k"]](node)
                except Exception as error:
                    if not node.get("optional"):
                        raise self._explain(node, error) from error
            self._link()

    def _link(self) -> None:
        ready = [node for node in self._waiting if self._is_ready(node)]
        self._waiting = [node for node in self._waiting if node not in ready]
        for node in ready:
            value = self._table[node["to"]]
            if node["k"] == "bind":
                self._spaces[node["space"]][node["name"]] = value
            elif node["k"] == "fill":
                self._cells_of(node["cell"]).cell_contents = value
            else:
                setattr(self._table[node["of"]], node["attr"], value)

    def _is_ready(self, node: Node) -> bool:
        return node["to"] in self._table and node.get("of", node["to"]) in self._table

    def _cells_of(self, key: str) -> types.CellType:
        return self._cells.setdefault(key, types.CellType())

    def _cell(self, node: Node) -> types.CellType:
        return self._cells_of(node["id"])

    def _pickle(self, node: Node) -> Any:
        data = io.BytesIO(base64.b64decode(node["data"]))
        return CodeUnpickler(data, self._table.__getitem__).load()

    def _attr(self, node: Node) -> Any:
        return getattr(self._table[node["of"]], node["attr"])

    # -- functions -------------------------------------------------------

    def _function(self, node: Node) -> types.FunctionType:
        code = self._code(node)
        # The order of free variables is the compiler's, not ours.
        cells = dict(zip(node["free"], node["cells"]))
        closure = tuple(self._cells_of(cells[name]) for name in code.co_freevars)
        defaults = self._table[node["defaults"]] if "defaults" in node else None
        space = self._spaces[node["space"]]
        fn = types.FunctionType(code, space, None, defaults, closure or None)
        if "kwdefaults" in node:
            fn.__kwdefaults__ = dict(self._table[node["kwdefaults"]])
        for name, value in node["meta"].items():
            setattr(fn, f"__{name}__", value)
        return fn

    def _code(self, node: Node) -> types.CodeType:
        if "code" in node:
            code: types.CodeType = marshal.loads(base64.b64decode(node["code"]))
            return code
        _remember_lines(node)
        if node.get("lambda"):
            tree: ast.AST = compiling.expression(node["text"], node["line"])
        else:
            tree = compiling.statement(node["text"], node["line"], node.get("indented", False))
        made = compiling.function_code(
            tree, node["scope"], node["free"], node["flags"], node["file"]
        )
        if made is None:
            raise UnpackError("its source does not hold the function")
        return made

    # -- statements ------------------------------------------------------

    def _source(self, node: Node) -> Any:
        """Run a statement in its module and take what it has defined."""
        _remember_lines(node)
        tree: Any = compiling.statement(node["text"], 1, node.get("indented", False))
        if node.get("skip"):
            tree.decorator_list = tree.decorator_list[node["skip"] :]
        if node.get("values"):
            tree = _Substitute(node["values"]).visit(tree)
        ast.increment_lineno(tree, node["line"] - 1)
        module = ast.fix_missing_locations(ast.Module(body=[tree], type_ignores=[]))
        flags = node["flags"] | compiling.older_flags(self._bundle.python)
        code = compile(module, node["file"], "exec", flags, dont_inherit=True)
        space = self._spaces[node["space"]]
        exec(code, space)
        return space[node["name"]]

    def _explain(self, node: Node, error: Exception) -> RestoreError:
        what = node["id"].rpartition(":")[2] if node["k"] in ("function", "source") else node["id"]
        here = minor_version()
        if isinstance(error, SyntaxError):
            text = (error.text or "").strip()
            why = f"it uses syntax newer than Python {here}: {error.msg}: {text}"
            todo = f"use a worker with Python {self._bundle.python}, or write it for {here}"
        elif isinstance(error, ModuleNotFoundError):
            why = f"there is no module {error.name!r} on the worker (Python {here})"
            todo = "install it in the endpoint's environment"
        else:
            why = f"{type(error).__name__}: {error}"
            todo = f"it was captured on Python {self._bundle.python} and this is {here}"
        return RestoreError(f"cannot restore {self._bundle.name!r}: {what}: {why}: {todo}")


def _literal(node: Node) -> Any:
    return ast.literal_eval(node["text"])


def _import(node: Node) -> Any:
    found: Any = importlib.import_module(node["module"])
    for name in node.get("also", ()):
        try:
            importlib.import_module(name)
        except ImportError:  # a submodule by name only: the code may not reach it
            continue
    for part in (node.get("attr") or "").split("."):
        found = getattr(found, part) if part else found
    return found


def _remember_lines(node: Node) -> None:
    """Let tracebacks show the user's lines; several definitions of a file add up."""
    known = linecache.cache.get(node["file"])
    lines = list(known[2]) if known is not None and len(known) == 4 and known[1] is None else []
    new = io.StringIO(node["text"]).readlines()
    first = node["line"] - 1
    lines.extend(["\n"] * (first + len(new) - len(lines)))
    lines[first : first + len(new)] = new
    linecache.cache[node["file"]] = (0, None, lines, node["file"])


class _Substitute(ast.NodeTransformer):
    """Puts values in the places of the expressions that they were computed by."""

    def __init__(self, values: list[list[Any]]) -> None:
        self._values = {tuple(place): text for *place, text in values}

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.expr):
            place = (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
            text = self._values.get(place)
            if text is not None:
                return ast.copy_location(ast.parse(text, mode="eval").body, node)
        return super().visit(node)
