"""One object as bytes and back, by codec."""

from __future__ import annotations

import io
import json
import pickle
import struct
from collections.abc import Callable, Mapping
from typing import Any, Optional, Protocol, Union

from yonder.capture.bundle import Bundle
from yonder.capture.pickling import PROTOCOL, CodePickler, CodeUnpickler, explain
from yonder.capture.restore import load_code
from yonder.codec.prefix import Buffer, Prefix
from yonder.codec.views import LARGE, File, Views, opened
from yonder.errors import PackError, UnpackError

_LENGTH = struct.Struct("<I")


class LoadsCode(Protocol):
    """Where the code that a payload carries is to live: a restored function."""

    def load(self, data: bytes) -> Mapping[str, Any]:
        """Objects by node id."""


class Code:
    """The source of the user's own things that the objects of a payload refer to."""

    def __init__(self) -> None:
        self._graph: Any = None
        self._used: dict[str, None] = {}

    def _make(self) -> Any:
        # Only the client gets here: a worker packs by name.
        from yonder.capture.graph import Graph

        if self._graph is None:
            self._graph = Graph("arguments")
        return self._graph

    def pickle(self, obj: Any) -> bytes:
        """Pickle an object; its classes and functions are collected."""
        buffer = io.BytesIO()
        pickler = CodePickler(buffer, self._make)
        pickler.dump(obj)
        if self._graph is not None:
            self._graph.settle()
        self._used.update(dict.fromkeys(pickler.used))
        return buffer.getvalue()

    def finish(self, codec: str, chunk: bool = False) -> bytes:
        """The prefix, and the code if there is any."""
        if not self._used:
            return Prefix(codec, chunk=chunk).dump()
        bundle: Bundle = self._graph.finish(self._used)
        data = bundle.dump()
        prefix = Prefix(codec, only=bundle.only is not None, chunk=chunk, source=True)
        return prefix.dump() + _LENGTH.pack(len(data)) + data


def split_code(prefix: Prefix, body: memoryview) -> tuple[bytes, memoryview]:
    """The code in front of a body, if there is any, and the rest."""
    if not prefix.source:
        return b"", body
    if len(body) < _LENGTH.size:
        raise UnpackError("the payload ends inside its code")
    end = _LENGTH.size + _LENGTH.unpack_from(body)[0]
    if len(body) < end:
        raise UnpackError("the payload ends inside its code")
    return bytes(body[_LENGTH.size : end]), body[end:]


def load(code: bytes, owner: Optional[LoadsCode]) -> Optional[Callable[[str], Any]]:
    """A look-up of objects by node id in the code of a payload."""
    if not code:
        return None
    table = load_code(code) if owner is None else owner.load(code)
    return table.__getitem__


# How pickles of the protocol that is written here begin, and the operation by which these
# name a class or a function.
_BEGIN, _NAMES = bytes((0x80, PROTOCOL)), b"\x93"


def unpickle(data: Union[Buffer, File], unpickler: Callable[[File], pickle.Unpickler]) -> Any:
    """Load a pickle; UnpackError says why when it cannot be."""
    try:
        if not isinstance(data, (io.BytesIO, Views)) and len(data) < LARGE:
            data = bytes(data)
            if _NAMES not in data and data.startswith(_BEGIN):
                return pickle.loads(data)  # there is nothing to look up, and none of it to explain
        return unpickler(opened(data)).load()
    except UnpackError:
        raise
    except Exception as error:
        raise UnpackError(
            f"the value cannot be loaded here: {type(error).__name__}: {error}"
        ) from error


def plain(find: Optional[Callable[[str], Any]] = None) -> Callable[[File], pickle.Unpickler]:
    """An unpickler that takes code from ``find``."""
    return lambda file: CodeUnpickler(file, find)


def pickled(head: bytes, obj: Any) -> bytes:
    """A head and the pickle behind it, without joining two large bytes."""
    buffer = io.BytesIO()
    buffer.write(head)
    pickle.dump(obj, buffer, PROTOCOL)
    return buffer.getvalue()


def pickle_by_name(head: bytes, obj: Any) -> bytes:
    """Pickle a result: classes and functions by the names that both sides know them by."""
    try:
        return pickled(head, obj)
    except Exception as error:
        raise PackError("the result cannot be packed: " + explain(obj, error, _packs)) from error


def _packs(obj: Any) -> bool:
    try:
        pickle.dumps(obj, PROTOCOL)
    except Exception:
        return False
    return True


# What the command line and the API exchange is JSON.
_NOT_JSON = "use the codec 'pickle', as calls from Python do, or plain lists, dicts and numbers"


def to_json(obj: Any, what: str) -> bytes:
    """JSON that reads back as it was, but for tuples, which become lists."""
    _check_json(obj, what)
    try:
        return json.dumps(obj, allow_nan=False, separators=(",", ":")).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise PackError(f"{what} cannot be JSON: {error}: {_NOT_JSON}") from None


def _check_json(obj: Any, what: str, depth: int = 0) -> None:
    """Keys that are not text would come back as text: better to say so."""
    if depth > 500:
        raise PackError(f"{what} is nested too deeply for JSON")
    if isinstance(obj, dict):
        for key, value in obj.items():
            if not isinstance(key, str):
                raise PackError(f"{what} cannot be JSON: the key {key!r} is no text: {_NOT_JSON}")
            _check_json(value, what, depth + 1)
    elif isinstance(obj, (list, tuple)):
        for value in obj:
            _check_json(value, what, depth + 1)


def from_json(data: Buffer) -> Any:
    """Read JSON; UnpackError if it is none."""
    try:
        return json.loads(bytes(data).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UnpackError(f"the payload is not JSON: {error}") from None


def to_raw(obj: Any, what: str) -> bytes:
    """Bytes as they are."""
    if not isinstance(obj, (bytes, bytearray, memoryview)):
        raise PackError(f"{what} is {type(obj).__name__}, and the codec 'raw' takes bytes only")
    return bytes(obj)
