"""Chunks: many calls or values in one payload, each to be had alone."""

from __future__ import annotations

import pickle
import struct
import threading
import warnings
from typing import Any

import pytest

from programs import helpers
from yonder import codec
from yonder.codec.chunk import MAX_ITEMS
from yonder.errors import CodecMismatch, PackError, UnpackError


@pytest.mark.parametrize("name", ["pickle", "json"])
def test_calls_come_back(name: str) -> None:
    calls = [((i, str(i)), {"k": [i]}) for i in range(300)]
    chunk = codec.unpack_chunk(codec.pack_chunk(calls, name))
    assert len(chunk) == 300
    assert list(chunk) == calls
    assert chunk[7] == calls[7]
    assert chunk[-1] == calls[-1]
    assert chunk[5:8] == calls[5:8]
    with pytest.raises(IndexError, match="300 items, there is no item 300"):
        chunk[300]


class Loud:
    """Loading it is heard."""

    def __init__(self, i: int) -> None:
        self.i = i

    def __reduce__(self) -> Any:
        return warnings.warn, (f"loaded {self.i}",)


def test_one_call_is_loaded_without_the_others() -> None:
    chunk = codec.unpack_chunk(codec.pack_chunk([((Loud(i),), {}) for i in range(3)]))
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        assert chunk[1] == ((None,), {})
    assert [str(w.message) for w in heard] == ["loaded 1"]


def test_common_arguments_are_kept_once_and_loaded_anew() -> None:
    table = {"rows": list(range(1000))}
    calls = [((i, table), {"again": table}) for i in range(100)]
    data = codec.pack_chunk(calls)
    assert len(data) < 12_000
    chunk = codec.unpack_chunk(data)
    (_, first), kwargs = chunk[0]
    assert first == table
    assert first is kwargs["again"]
    first["rows"].clear()
    assert chunk[0][0][1] == table
    assert chunk[1][0][1] == table


def test_code_is_kept_once() -> None:
    one = len(codec.pack_chunk([((helpers.Reading(0.0),), {})]))
    many = len(codec.pack_chunk([((helpers.Reading(float(i)),), {}) for i in range(100)]))
    assert many < one + 100 * 150
    chunk = codec.unpack_chunk(codec.pack_chunk([((helpers.Reading(1.0), len), {})] * 2))
    assert type(chunk[0][0][0]) is type(chunk[1][0][0])


def test_shared_function_is_one_object_in_a_call() -> None:
    fn = helpers.visible
    chunk = codec.unpack_chunk(codec.pack_chunk([((fn, fn, i), {}) for i in range(3)]))
    (a, b, _), _ = chunk[2]
    assert a is b
    assert a(1) == fn(1)


def test_values_are_joined() -> None:
    values: list[Any] = [None, 1, "x", [1], b"y"]
    data = codec.join_values([codec.pack_value(v) for v in values])
    assert codec.read_prefix(data).chunk
    assert list(codec.unpack_chunk(data)) == values
    data = codec.join_values([memoryview(codec.pack_value(v, "raw")) for v in (b"", b"ab")])
    assert list(codec.unpack_chunk(data)) == [b"", b"ab"]
    with pytest.raises(PackError, match="only results of one codec"):
        codec.join_values([codec.pack_value(1), codec.pack_value(1, "json")])
    with pytest.raises(PackError, match="at least one"):
        codec.join_values([])


def test_one_bad_item_spoils_no_other() -> None:
    good = codec.pack_value(1)
    bad = good[:8] + b"c__main__\nNobody\n."
    chunk = codec.unpack_chunk(codec.join_values([good, bad, good]))
    assert (chunk[0], chunk[2]) == (1, 1)
    with pytest.raises(UnpackError, match="Nobody"):
        chunk[1]


def test_the_call_that_cannot_be_packed_is_named() -> None:
    calls: list[Any] = [((i,), {}) for i in range(5)]
    calls[3] = ((3,), {"lock": threading.Lock()})
    with pytest.raises(PackError, match="call 3: argument 'lock' .*make it inside the function"):
        codec.pack_chunk(calls)


def test_limits() -> None:
    calls: list[Any] = [((i,), {}) for i in range(MAX_ITEMS)]
    assert len(codec.unpack_chunk(codec.pack_chunk(calls))) == MAX_ITEMS
    for wrong in ([], [*calls, ((), {})]):
        with pytest.raises(PackError, match="from 1 to 65536 items"):
            codec.pack_chunk(wrong)


@pytest.mark.parametrize("first", [[1], 1])
def test_damaged_tables_are_refused(first: Any) -> None:
    data = codec.pack_chunk([((first, i), {}) for i in range(3)])
    for wrong in (data[:-1], data + b"x", data[:12], data[:8] + b"z" + data[9:], data[:20]):
        with pytest.raises(CodecMismatch):
            codec.unpack_chunk(wrong)
    with pytest.raises(UnpackError, match="not a chunk"):
        codec.unpack_chunk(codec.pack_args([1]))


SCALARS = [0, -1, 1 << 80, 1.5, float("inf"), True, None, "text", "\ud800", b"bytes", ""]


def test_scalars_share_a_pickle() -> None:
    calls = [((value, at), {}) for at, value in enumerate(SCALARS)]
    data = codec.pack_chunk(calls)
    chunk = codec.unpack_chunk(data)
    assert isinstance(chunk, codec.Scalars)
    assert chunk.columns == (SCALARS, list(range(len(SCALARS))))
    assert list(chunk) == calls == [chunk[at] for at in range(len(chunk))]
    assert chunk[2:4] == calls[2:4]
    with pytest.raises(IndexError, match="11 items, there is no item 11"):
        chunk[11]
    values = codec.unpack_chunk(codec.pack_scalars(SCALARS))
    assert list(values) == SCALARS
    assert values[-1] == ""


class Number(int):
    """A subclass may have state: it does not count as a scalar."""


@pytest.mark.parametrize(
    "calls",
    [
        [((1,), {}), ((1, 2), {})],
        [((1,), {}), ((1,), {"k": 2})],
        [((1,), {}), (((),), {})],
        [((1,), {}), ((Number(1),), {})],
    ],
)
def test_what_is_not_alike_has_items_of_its_own(calls: list[Any]) -> None:
    chunk = codec.unpack_chunk(codec.pack_chunk(calls))
    assert isinstance(chunk, codec.Chunk)
    assert list(chunk) == calls


def test_scalars_bring_no_code() -> None:
    data = codec.pack_scalars([1])
    forged = data[:20] + pickle.dumps(([len],))
    with pytest.raises(UnpackError, match=r"refer to builtins\.len"):
        codec.unpack_chunk(forged)
    for columns, message in (
        ([1], "1 columns"),
        ((1,), "1 items"),
        (([1, 2],), "1 items"),
        ((), "1 columns"),
    ):
        with pytest.raises(UnpackError, match=message):
            codec.unpack_chunk(data[:20] + pickle.dumps(columns))


def test_calls_without_arguments() -> None:
    chunk = codec.unpack_chunk(codec.pack_chunk([((), {})] * 3))
    assert list(chunk) == [((), {})] * 3


def plain(kind, letter, count, width, rest):
    return (
        codec.Prefix("pickle", chunk=True).dump()
        + struct.pack("<c3sII", kind, letter, count, width)
        + rest
    )


@pytest.mark.parametrize("kind", [int, bool, type(None), float])
def test_numbers_as_they_are_in_memory(kind):
    form = "<3d" if kind is float else "<3q"
    values = {int: [1, -2, 3], bool: [True, False, True], float: [0.5, -1.0, 2.0]}.get(
        kind, [None] * 3
    )
    data = codec.numbers_head(kind) + struct.pack(form, *(value or 0 for value in values))
    found = codec.unpack_chunk(data)
    assert list(found) == values
    assert list(map(type, found)) == [kind] * 3


@pytest.mark.parametrize(
    "data",
    [
        plain(b"N", b"q\0\0", 0, 1, b""),
        plain(b"N", b"q\0\0", 0, 1, b"1234567"),
        plain(b"N", b"z\0\0", 0, 1, b"12345678"),
        plain(b"N", b"q\0x", 0, 1, b"12345678"),
        plain(b"N", b"q\0\0", 1, 1, b"12345678"),
        plain(b"N", b"q\0\0", 0, 1, bytes(8 * 65_537)),
        plain(b"C", b"\0\0\0", 5, 1, pickle.dumps(((0, 4, 1),))),
        plain(b"C", b"\0\0\0", 5, 1, pickle.dumps(((0, 5, 0),))),
        plain(b"C", b"\0\0\0", 5, 1, pickle.dumps(((0, 1 << 80, 1),))),
        plain(b"C", b"\0\0\0", 5, 1, pickle.dumps(((0, 5, 1.0),))),
        plain(b"C", b"\0\0\0", 5, 1, pickle.dumps(((0, 5),))),
    ],
)
def test_damaged_numbers_are_refused(data):
    with pytest.raises(UnpackError):
        codec.unpack_chunk(data)
