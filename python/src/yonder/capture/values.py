"""Values: constants as Python literals, everything else as a pickle whose
classes and functions are nodes of the graph."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, Optional

from yonder.capture.pickling import CodePickler, explain
from yonder.errors import CaptureError

if TYPE_CHECKING:
    from yonder.capture.graph import Graph

_ATOMS = (bool, int, str, bytes, float, type(None))
# Literals are for people to read; long ones are smaller and faster as pickles.
_MAX_LITERAL = 1 << 16


def refer(graph: Graph, obj: Any, name: Optional[str] = None) -> str:
    """A node for any value; CaptureError if it can neither be pickled nor made again."""
    from yonder.capture import statements

    text = literal(obj)
    if text is not None:
        # Constants are not shared by identity, containers are.
        return graph.add("value", {"k": "lit", "text": text}, None if is_atom(obj) else obj)
    try:
        with graph.attempt():
            return _pickle(graph, obj)
    except CaptureError:
        # What a library's decorator made, its statement makes again.
        found = statements.decorated(graph, obj, name) if name is not None else None
        if found is None:
            raise
        return found


def _pickle(graph: Graph, obj: Any) -> str:
    key = graph.add(f"value:{type(obj).__name__}", {"k": "pickle"}, obj)
    buffer = io.BytesIO()
    pickler = CodePickler(buffer, graph)
    try:
        pickler.dump(obj)
    except CaptureError:
        raise
    except Exception as error:
        raise CaptureError(explain(obj, error)) from error
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    graph.update(key, {"data": data}, now=pickler.used)
    return key


def is_atom(obj: Any) -> bool:
    """Whether the value is an immutable constant without parts."""
    return type(obj) in _ATOMS


def literal(obj: Any) -> Optional[str]:
    """Text that ``ast.literal_eval`` turns into an equal value, or None.

    Equal inputs give equal text: sets are sorted.
    """
    try:
        text = _literal(obj, set(), 0)
    except ValueError:  # an int of more digits than Python prints
        return None
    return text if text is not None and len(text) <= _MAX_LITERAL else None


def _literal(obj: Any, seen: set[int], depth: int) -> Optional[str]:
    kind = type(obj)
    if kind is float:
        return repr(obj) if obj - obj == 0 else None  # inf and nan have no literal
    if kind in _ATOMS:
        return repr(obj)
    if kind not in (list, tuple, dict, set) or id(obj) in seen or depth > 20 or len(obj) > 10_000:
        return None
    if kind is not tuple:
        seen.add(id(obj))  # met twice: shared, which a literal cannot say
    if kind is dict:
        pairs = [
            (_literal(k, seen, depth + 1), _literal(v, seen, depth + 1)) for k, v in obj.items()
        ]
        if any(k is None or v is None for k, v in pairs):
            return None
        return "{" + ", ".join(f"{k}: {v}" for k, v in pairs) + "}"
    parts = [_literal(part, seen, depth + 1) for part in obj]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if kind is set:
        return "{" + ", ".join(sorted(known)) + "}" if known else "set()"
    if kind is list:
        return "[" + ", ".join(known) + "]"
    return "(" + ", ".join(known) + ("," if len(known) == 1 else "") + ")"
