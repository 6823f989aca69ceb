"""A chunk: many calls, or many values, that travel as one payload.

Each can be loaded without the others. After the prefix (and the code, if
there is any), little endian::

    u8  b"c" for calls, b"v" for values; 3 zero bytes
    u32 n, the number of items; u32 s, the number of shared arguments
    (s + n) x u32 lengths, then the shared arguments' and the items' bytes

An argument that several calls have in common is kept once, and loaded anew
for every call: what one call does to it, another does not see.
"""

from __future__ import annotations

import io
import itertools
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Optional

from yonder.capture.pickling import CodeUnpickler
from yonder.codec import body, payload
from yonder.codec.body import Code, LoadsCode
from yonder.codec.payload import Call
from yonder.codec.prefix import SIZE, Buffer, Prefix, check
from yonder.errors import PackError, UnpackError

_HEAD = struct.Struct("<c3sII")
_CALLS, _VALUES = b"c", b"v"
# As many tasks as one bundle may hold.
MAX_ITEMS = 65_536
_MAX_ITEM_BYTES = 0xFFFFFFFF
# Smaller constants take less room than a reference to a shared one.
_SMALL = (int, float, bool, type(None), complex)


def shared(index: int) -> Any:
    """Stands in a call's pickle for a shared argument; loading replaces it."""
    raise UnpackError(f"the call's shared argument {index} did not come along")


class _Shared:
    def __init__(self, index: int) -> None:
        self._index = index

    def __reduce__(self) -> tuple[Any, ...]:
        return shared, (self._index,)


def pack_chunk(
    calls: Iterable[tuple[Sequence[Any], Mapping[str, Any]]],
    codec: str = "pickle",
    names: Sequence[str] = (),
) -> bytes:
    """The payload of many calls of one function, at most ``MAX_ITEMS``.

    Raises PackError naming the call and the argument that cannot be packed.
    """
    calls = list(calls)
    code = Code()
    common: list[bytes] = []
    packed: list[Call] = calls
    if codec == "pickle":
        objects = _in_common(calls)
        for obj in objects:
            common.append(payload.pack_call(((obj,), {}), codec, code, names))
        packed = [_replaced(call, objects) for call in calls]
    items = []
    for at, call in enumerate(packed):
        try:
            items.append(payload.pack_call(call, codec, code, names))
        except PackError as error:
            raise PackError(f"call {at}: {error}") from error
    return code.finish(codec, chunk=True) + _table(_CALLS, common, items)


def _in_common(calls: Sequence[Call]) -> list[Any]:
    """Arguments that more than one call has, by identity."""
    seen: Counter[int] = Counter()
    objects: dict[int, Any] = {}
    for args, kwargs in calls:
        for value in itertools.chain(args, kwargs.values()):
            kind = type(value)
            if kind not in _SMALL and not (kind in (str, bytes) and len(value) < 64):
                seen[id(value)] += 1
                objects[id(value)] = value
    return [objects[key] for key, count in seen.items() if count > 1]


def _replaced(call: Call, objects: Sequence[Any]) -> Call:
    if not objects:
        return call
    places = {id(obj): at for at, obj in enumerate(objects)}

    def replace(value: Any) -> Any:
        at = places.get(id(value))
        return value if at is None else _Shared(at)

    return [replace(a) for a in call[0]], {k: replace(v) for k, v in call[1].items()}


def join_values(payloads: Sequence[Buffer]) -> bytes:
    """One chunk of the payloads that ``pack_value`` made, all with one codec."""
    if not payloads:
        raise PackError("a chunk has at least one value")
    found = check(payloads[0], False)
    head = bytes(payloads[0][:SIZE])
    if found.source or any(bytes(other[:SIZE]) != head for other in payloads):
        raise PackError("only results of one codec can be joined")
    items = [bytes(memoryview(item)[SIZE:]) for item in payloads]
    return Prefix(found.codec, chunk=True).dump() + _table(_VALUES, [], items)


def _table(kind: bytes, common: Sequence[bytes], items: Sequence[bytes]) -> bytes:
    if not 1 <= len(items) <= MAX_ITEMS:
        raise PackError(f"a chunk has from 1 to {MAX_ITEMS} items, not {len(items)}")
    every = [*common, *items]
    if max(map(len, every)) > _MAX_ITEM_BYTES:
        raise PackError("a chunk's item may have 4 GiB at most: pass a path or a reference")
    lengths = struct.pack(f"<{len(every)}I", *map(len, every))
    return b"".join([_HEAD.pack(kind, b"\0\0\0", len(items), len(common)), lengths, *every])


def unpack_chunk(data: Buffer, function: Optional[LoadsCode] = None) -> Chunk:
    """The chunk's items, each loaded when it is asked for.

    ``function`` as for ``unpack_args``.
    """
    return Chunk(data, function)


class Chunk(Sequence[Any]):
    """``(args, kwargs)`` of calls, or values, by index; every access loads anew."""

    def __init__(self, data: Buffer, function: Optional[LoadsCode] = None) -> None:
        self._prefix, self._code, rest = payload.open_payload(data, True, function)
        if len(rest) < _HEAD.size:
            raise UnpackError("the chunk ends inside its table")
        self._kind, zero, count, common = _HEAD.unpack_from(rest)
        start = _HEAD.size + 4 * (count + common)
        if self._kind not in (_CALLS, _VALUES) or zero != b"\0\0\0" or len(rest) < start:
            raise UnpackError("the chunk's table is damaged")
        lengths = struct.unpack_from(f"<{count + common}I", rest, _HEAD.size)
        ends = list(itertools.accumulate(lengths, initial=start))
        if ends[-1] != len(rest):
            raise UnpackError(f"the chunk's items end at {ends[-1]}, its bytes at {len(rest)}")
        self._rest, self._ends, self._common, self._count = rest, ends, common, count

    def __len__(self) -> int:
        return int(self._count)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"the chunk has {len(self)} items, there is no item {index}")
        data = self._bytes(self._common + index % len(self))
        make: Callable[..., Any] = body.plain(self._code)
        if self._common:
            known: dict[int, Any] = {}
            make = lambda file: _Unpickler(file, self._code, lambda at: self._shared(at, known))  # noqa: E731  # one expression
        if self._kind == _CALLS:
            return payload.unpack_call(data, self._prefix, make)
        return payload.unpack_body(data, self._prefix, make)

    def __iter__(self) -> Iterator[Any]:
        return (self[at] for at in range(len(self)))

    def _bytes(self, at: int) -> memoryview:
        return self._rest[self._ends[at] : self._ends[at + 1]]

    def _shared(self, at: int, known: dict[int, Any]) -> Any:
        """A shared argument: the same object within one call, a new one for the next."""
        if at not in known:
            if not 0 <= at < self._common:
                raise UnpackError(f"the chunk has no shared argument {at}")
            args, _ = payload.unpack_call(self._bytes(at), self._prefix, body.plain(self._code))
            known[at] = args[0]
        return known[at]


class _Unpickler(CodeUnpickler):
    def __init__(
        self,
        file: io.BytesIO,
        find: Optional[Callable[[str], Any]],
        find_shared: Callable[[int], Any],
    ) -> None:
        super().__init__(file, find)
        self._find_shared = find_shared

    def find_class(self, module: str, name: str) -> Any:
        if module == __name__ and name == "shared":
            return self._find_shared
        return super().find_class(module, name)
