"""A chunk: many calls, or many values, that travel as one payload.

Each can be loaded without the others. After the prefix (and the code, if
there is any), little endian::

    u8  b"c" for calls, b"v" for values, b"s" for a generator's values, which
        are one result together; 3 zero bytes
    u32 n, the number of items; u32 s, the number of shared arguments
    (s + n) x u32 lengths, then the shared arguments' and the items' bytes

An argument that several calls have in common is kept once, and loaded anew
for every call: what one call does to it, another does not see.

Where nobody could tell the difference, because every argument or value is an
immutable scalar, one pickle holds them all, which takes a twentieth of the
time::

    u8  b"C" for calls, b"V" for values; 3 zero bytes
    u32 n, the number of items; u32 k, the number of arguments (1 for values)
    a pickle of a tuple of k lists: the first arguments, the second ones, ...
    A list of equally spaced integers may be a tuple instead, that of the
    arguments of its range: (start, stop, step)

Values that are numbers of one kind may also come as they are in memory, so that
the head can be written before it is known how many there will be::

    u8  b"N"; u8 the kind: b"q" int, b"?" bool, b"n" None, b"d" float; 2 zero bytes
    u32 0; u32 1; then 8 bytes for each item
"""

from __future__ import annotations

import array
import contextlib
import io
import itertools
import pickle
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Optional, Union

from yonder.capture.pickling import PROTOCOL, CodeUnpickler
from yonder.codec import body, payload
from yonder.codec.body import Code, LoadsCode
from yonder.codec.payload import Call
from yonder.codec.prefix import SIZE, Buffer, Prefix, check, is_plain, read_prefix
from yonder.errors import PackError, UnpackError

_HEAD = struct.Struct("<c3sII")
_CALLS, _VALUES, _STREAM = b"c", b"v", b"s"
_COLUMNS, _COLUMN, _NUMBERS = b"C", b"V", b"N"
# As many tasks as one bundle may hold; a generator may yield more.
MAX_ITEMS = 65_536
_MAX_ITEM_BYTES = 0xFFFFFFFF
# Smaller constants take less room than a reference to a shared one.
_SMALL = (int, float, bool, type(None), complex)
# What may go into one pickle: loading it once for all is as loading it for each.
SCALARS = frozenset({int, float, bool, type(None), str, bytes})


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
    if codec == "pickle":
        columns = _columns(calls)
        if columns is not None:
            return Prefix(codec, chunk=True).dump() + _plain(_COLUMNS, len(calls), columns)
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


def _columns(calls: Sequence[Call]) -> Optional[tuple[list[Any], ...]]:
    """The arguments by position, if all calls take as many and all are scalars."""
    args = [call[0] for call in calls]
    if not args or any(call[1] for call in calls) or len(set(map(len, args))) > 1:
        return None
    columns = tuple(map(list, zip(*args)))
    return columns if all(set(map(type, column)) <= SCALARS for column in columns) else None


def pack_columns(columns: Sequence[Sequence[Any]]) -> Optional[bytes]:
    """The payload of calls by their arguments' columns; None unless all are scalars."""
    if not columns or not all(type(c) is range or set(map(type, c)) <= SCALARS for c in columns):
        return None
    packed = tuple((c.start, c.stop, c.step) if type(c) is range else list(c) for c in columns)
    return Prefix("pickle", chunk=True).dump() + _plain(_COLUMNS, len(columns[0]), packed)


def pack_scalars(values: list[Any]) -> bytes:
    """One chunk of values, all of which must be of the types in ``SCALARS``."""
    return Prefix("pickle", chunk=True).dump() + _plain(_COLUMN, len(values), (values,))


# How items of numbers are read, and what makes a value of them.
_LETTERS = {int: b"q", bool: b"?", type(None): b"n", float: b"d"}
_NUMBER: dict[bytes, Optional[Callable[[Any], Any]]] = {
    b"q": None,
    b"?": bool,
    b"n": lambda _: None,
    b"d": None,
}


def numbers_head(kind: type) -> bytes:
    """What comes before numbers of this type, as they are in memory, in a chunk of values."""
    return Prefix("pickle", chunk=True).dump() + _HEAD.pack(
        _NUMBERS, _LETTERS[kind] + b"\0\0", 0, 1
    )


def _numbers(letter: bytes, data: Buffer) -> list[Any]:
    if letter not in _NUMBER or not data or len(data) % 8 or len(data) > 8 * MAX_ITEMS:
        raise UnpackError("the chunk's numbers are damaged")
    items = array.array("d" if letter == b"d" else "q", bytes(data))
    if sys.byteorder == "big":
        items.byteswap()
    make = _NUMBER[letter]
    return items.tolist() if make is None else list(map(make, items))


def _plain(kind: bytes, count: int, columns: tuple[Any, ...]) -> bytes:
    if not 1 <= count <= MAX_ITEMS:
        raise PackError(f"a chunk has from 1 to {MAX_ITEMS} items, not {count}")
    return _HEAD.pack(kind, b"\0\0\0", count, len(columns)) + pickle.dumps(columns, PROTOCOL)


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


def join_stream(payloads: Sequence[Buffer], codec: str) -> bytes:
    """The one result of all values that a generator has yielded.

    A list, for ``pickle`` and ``json``; the joined bytes, for ``raw``.
    """
    items = [bytes(memoryview(item)[SIZE:]) for item in payloads]
    if codec == "json":
        return Prefix(codec).dump() + b"[" + b",".join(items) + b"]"
    if codec == "raw":
        return Prefix(codec).dump() + b"".join(items)
    return Prefix(codec, chunk=True).dump() + _table(_STREAM, [], items)


def unpack_result(data: Buffer) -> Any:
    """The value of a result, a list for the values of a generator."""
    if not is_plain(bytes(data[:SIZE])) and read_prefix(data).chunk:
        return list(unpack_chunk(data))
    return payload.unpack_value(data)


def _table(kind: bytes, common: Sequence[bytes], items: Sequence[bytes]) -> bytes:
    if kind != _STREAM and not 1 <= len(items) <= MAX_ITEMS:
        raise PackError(f"a chunk has from 1 to {MAX_ITEMS} items, not {len(items)}")
    every = [*common, *items]
    if max(map(len, every), default=0) > _MAX_ITEM_BYTES:
        raise PackError("a chunk's item may have 4 GiB at most: pass a path or a reference")
    lengths = struct.pack(f"<{len(every)}I", *map(len, every))
    return b"".join([_HEAD.pack(kind, b"\0\0\0", len(items), len(common)), lengths, *every])


def unpack_chunk(data: Buffer, function: Optional[LoadsCode] = None) -> Union[Chunk, Scalars]:
    """The chunk's items, each loaded when it is asked for.

    ``function`` as for ``unpack_args``.
    """
    prefix, code, rest = payload.open_payload(data, True, function)
    if len(rest) < _HEAD.size:
        raise UnpackError("the chunk ends inside its table")
    kind, zero, count, width = _HEAD.unpack_from(rest)
    if kind == _NUMBERS and zero[1:] == b"\0\0" and (count, width) == (0, 1):
        values = _numbers(zero[:1], rest[_HEAD.size :])
        return Scalars(_COLUMN, len(values), (values,))
    if kind not in (_CALLS, _VALUES, _STREAM, _COLUMNS, _COLUMN) or zero != b"\0\0\0":
        raise UnpackError("the chunk's table is damaged")
    rest = rest[_HEAD.size :]
    if kind in (_COLUMNS, _COLUMN):
        return Scalars(kind, count, _load(count, width, prefix, rest))
    return Chunk(kind, count, width, prefix, code, rest)


class _NoCode(pickle.Unpickler):
    """Scalars need no class: a chunk that names one is damaged."""

    def find_class(self, module: str, name: str) -> Any:
        raise UnpackError(f"the chunk's scalars refer to {module}.{name}")


def _load(count: int, width: int, prefix: Prefix, rest: Buffer) -> tuple[Any, ...]:
    """The columns of a chunk of scalars."""
    if prefix.codec != "pickle" or prefix.source:
        raise UnpackError("the chunk's table is damaged")
    file = io.BytesIO(rest)
    columns = body.unpickle(file, _NoCode)
    if file.read(1):
        raise UnpackError("bytes follow the chunk's columns")
    if not isinstance(columns, tuple) or len(columns) != width:
        raise UnpackError(f"the chunk has not the {width} columns that it should have")
    columns = tuple(_spread(column, count) for column in columns)
    if any(type(c) not in (list, range) or len(c) != count for c in columns):
        raise UnpackError(f"the chunk has not the {count} items that it should have")
    return columns


def _spread(column: Any, count: int) -> Any:
    """A column; a range by its arguments as such, unless it has another length."""
    if type(column) is tuple and len(column) == 3 and all(type(n) is int for n in column):
        with contextlib.suppress(ValueError, OverflowError):
            numbers = range(*column)
            return numbers if len(numbers) == count else None
    return column


class Scalars(Sequence[Any]):
    """Calls or values of scalars, all of them loaded at once.

    ``columns`` has one list or range for each argument; a chunk of values has one list.
    """

    def __init__(self, kind: bytes, count: int, columns: tuple[Any, ...]) -> None:
        self.columns = columns
        self._calls, self._count = kind == _COLUMNS, count

    def __len__(self) -> int:
        return int(self._count)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        if not self._calls:
            return self.columns[0][index]
        if not -self._count <= index < self._count:
            raise IndexError(f"the chunk has {len(self)} items, there is no item {index}")
        return tuple([column[index] for column in self.columns]), {}

    def __iter__(self) -> Iterator[Any]:
        return (self[at] for at in range(len(self))) if self._calls else iter(self.columns[0])


class Chunk(Sequence[Any]):
    """``(args, kwargs)`` of calls, or values, by index; every access loads anew."""

    def __init__(
        self,
        kind: bytes,
        count: int,
        common: int,
        prefix: Prefix,
        code: Optional[Callable[[str], Any]],
        rest: memoryview,
    ) -> None:
        start = 4 * (count + common)
        if len(rest) < start:
            raise UnpackError("the chunk's table is damaged")
        lengths = struct.unpack_from(f"<{count + common}I", rest)
        ends = list(itertools.accumulate(lengths, initial=start))
        if ends[-1] != len(rest):
            raise UnpackError(f"the chunk's items end at {ends[-1]}, its bytes at {len(rest)}")
        self._kind, self._prefix, self._code = kind, prefix, code
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
