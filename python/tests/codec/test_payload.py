"""Payloads: what goes in comes out, and what does not fit is refused unread."""

from __future__ import annotations

import collections
import contextlib
import json
import pathlib
import pickle
import random
import struct
import sys
from typing import Any

import pytest

from programs import helpers
from yonder import codec
from yonder.codec.prefix import SIZE, Prefix
from yonder.errors import CodecMismatch, InvalidRequest, PackError, UnpackError


@pytest.mark.parametrize(
    ("prefix", "data"),
    [
        (Prefix("pickle", major=3, minor=9), b"Y1p\x00\x03\x09\x00\x00"),
        (Prefix("json", major=3, minor=13), b"Y1j\x00\x03\x0d\x00\x00"),
        (Prefix("raw", major=3, minor=10), b"Y1r\x00\x03\x0a\x00\x00"),
        (Prefix("pickle", only=True, major=3, minor=11), b"Y1p\x01\x03\x0b\x00\x00"),
        (Prefix("pickle", chunk=True, major=3, minor=11), b"Y1p\x02\x03\x0b\x00\x00"),
        (Prefix("pickle", source=True, major=3, minor=11), b"Y1p\x04\x03\x0b\x00\x00"),
        (
            Prefix("pickle", only=True, chunk=True, source=True, major=3, minor=12),
            b"Y1p\x07\x03\x0c\x00\x00",
        ),
    ],
)
def test_golden_prefixes(prefix: Prefix, data: bytes) -> None:
    assert prefix.dump() == data
    assert codec.read_prefix(data) == prefix
    assert codec.read_prefix(memoryview(data + b"body")) == prefix


@pytest.mark.parametrize("packed_by", [(3, 9), (3, 13)])
def test_golden_payloads(packed_by: tuple[int, int]) -> None:
    head = b"Y1j\0" + bytes(packed_by) + b"\0\0"
    assert codec.unpack_args(head + b'{"args":[1,"x"],"kwargs":{"k":null}}') == (
        (1, "x"),
        {"k": None},
    )
    assert codec.unpack_value(head + b"[1.5,true]") == [1.5, True]
    head = b"Y1p\0" + bytes(packed_by) + b"\0\0"
    # ((1,), {"k": [2]}) in protocol 5
    body = bytes.fromhex("80059512000000000000004b0185947d948c016b945d944b0261738694 2e")
    assert codec.unpack_args(head + body) == ((1,), {"k": [2]})
    head = b"Y1r\2" + bytes(packed_by) + b"\0\0"
    chunk = b"c\0\0\0" + struct.pack("<IIII", 2, 0, 1, 2) + b"abb"
    assert list(codec.unpack_chunk(head + chunk)) == [((b"a",), {}), ((b"bb",), {})]
    head = b"Y1j\2" + bytes(packed_by) + b"\0\0"
    chunk = b"v\0\0\0" + struct.pack("<IIII", 2, 0, 1, 2) + b"1[]"
    assert list(codec.unpack_chunk(head + chunk)) == [1, []]


VALUES: list[Any] = [
    None,
    0,
    -(1 << 70),
    1.5,
    float("inf"),
    "ü\ud800",
    b"\0" * 1000,
    (1, [2, {3: {4}}]),
    collections.OrderedDict(a=1),
    pathlib.PurePosixPath("/a"),
    helpers.Reading(1.0),
    helpers.Pair(1, 2),
    helpers.visible,
    len,
    ValueError,
    complex(1, -0.0),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_come_back(value: Any) -> None:
    got = codec.unpack_value(codec.pack_value(value))
    assert got == value
    assert type(got) is type(value)


def test_shared_and_cyclic_values_keep_their_shape() -> None:
    inner: list[Any] = []
    inner.append(inner)
    (a, b), kwargs = codec.unpack_args(codec.pack_args([inner, inner], {"c": inner}))
    assert a is b
    assert a is kwargs["c"]
    assert a[0] is a


def test_json_is_json() -> None:
    data = codec.pack_args([1, (2, 3)], {"k": "ü"}, "json")
    assert json.loads(data[SIZE:]) == {"args": [1, [2, 3]], "kwargs": {"k": "ü"}}
    assert codec.unpack_args(data) == ((1, [2, 3]), {"k": "ü"})
    for bad in ({1: 2}, {1, 2}, float("nan"), b"x", [object()]):
        with pytest.raises(PackError, match="cannot be JSON.* use the codec 'pickle'"):
            codec.pack_args([bad], codec="json")


def test_raw_is_bytes() -> None:
    assert codec.pack_args([b"abc"], codec="raw")[SIZE:] == b"abc"
    assert codec.unpack_args(codec.pack_args([bytearray(b"abc")], codec="raw")) == ((b"abc",), {})
    assert codec.unpack_value(codec.pack_value(memoryview(b"x"), "raw")) == b"x"
    for args, kwargs in (([], {}), ([b"", b""], {}), ([b""], {"k": 1}), (["text"], {})):
        with pytest.raises(PackError, match="the codec 'raw' takes"):
            codec.pack_args(args, kwargs, "raw")


def test_unknown_codec_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no codec 'yaml': use one of pickle, json, raw"):
        codec.pack_args([], codec="yaml")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "at least 8 bytes"),
        (b"Y1p\0\3\13\0", "at least 8 bytes"),
        (b"X1p\0\3\13\0\0", "begins with b'Y1'"),
        (b"Y2p\0\3\13\0\0", "begins with b'Y1'"),
        (b"Y1x\0\3\13\0\0", "codec b'x'.*upgrade yonder"),
        (b"Y1p\x08\3\13\0\0", "flags 8.*upgrade yonder"),
        (b"Y1p\0\3\13\0\1", "reserved bytes.*upgrade yonder"),
        (b"Y1p\0\2\7\0\0", "pickled by Python 2.7"),
        (b"Y1p\1\3\1\0\0", "bytecode of Python 3.1 .* use a worker with Python 3.1"),
        (b"Y1p\2\3\13\0\0", "is a chunk"),
        (b"Y1p\4\3\13\0\0", "ends inside its code"),
        (b"Y1p\4\3\13\0\0\xff\xff\xff\xff", "ends inside its code"),
        (b"Y1p\0\3\13\0\0", "cannot be loaded here"),
        (b"Y1p\0\3\13\0\0" + pickle.dumps(3), "not that of a call"),
        (b"Y1j\0\3\13\0\0{", "not JSON"),
        (b"Y1j\0\3\13\0\0[]", 'is {"args"'),
        (b'Y1j\0\3\13\0\0{"args":3,"kwargs":{}}', "not that of a call"),
    ],
)
def test_what_does_not_fit_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(CodecMismatch, match=message):
        codec.unpack_args(data)


class Bomb:
    """Loading it would be noticed."""

    def __reduce__(self) -> Any:
        return pytest.fail, ("it was loaded",)


def test_refusal_comes_before_loading() -> None:
    bomb = pickle.dumps(((Bomb(),), {}))
    other = (sys.version_info[1] + 1) & 0xFF
    for head in (
        bytes([*b"Y1p", 1, 3, other, 0, 0]),
        bytes([*b"Y1p", 0, 2, 7, 0, 0]),
        bytes([*b"Y1p", 0x80, 3, 11, 0, 0]),
        bytes([*b"Y1p", 2, 3, 11, 0, 0]),
        bytes([*b"Y1z", 0, 3, 11, 0, 0]),
    ):
        with pytest.raises(CodecMismatch):
            codec.unpack_args(head + bomb)


def test_damaged_payloads_never_crash() -> None:
    """Whatever the bytes: a value, or an error of ours. JSON, so that nothing runs."""
    rng = random.Random(7)
    whole = [
        codec.pack_args([1, "x"], {"k": [None]}, "json"),
        codec.pack_chunk([((i,), {}) for i in range(5)], "json"),
        codec.pack_error(ValueError("x")),
        codec.join_values([codec.pack_value(b"x" * i, "raw") for i in range(5)]),
    ]
    for _ in range(20_000):
        data = bytearray(rng.choice(whole))
        for _ in range(rng.randrange(4)):
            # Not the codec's letter: a pickle of random bytes may do anything.
            at = rng.choice([i for i in range(len(data)) if i != 2])
            data[at] = rng.randrange(256)
        del data[rng.randrange(len(data) + 1) :]
        for read in (codec.unpack_args, codec.unpack_value, codec.unpack_error):
            with contextlib.suppress(CodecMismatch):
                read(data)
        with contextlib.suppress(CodecMismatch):
            list(codec.unpack_chunk(data))


def test_any_eight_bytes_are_a_prefix_or_an_error() -> None:
    rng = random.Random(11)
    for _ in range(50_000):
        data = bytearray(rng.randbytes(8))
        if rng.random() < 0.8:
            data[:2] = b"Y1"
        if rng.random() < 0.8:
            data[2] = rng.choice(b"pjr")
        if rng.random() < 0.8:
            data[3] &= 7
            data[6:] = b"\0\0"
        try:
            assert codec.read_prefix(data).dump() == data
        except (UnpackError, CodecMismatch):
            continue


def test_moved_classes_are_found() -> None:
    """Python 3.13 pickles a path as pathlib._local's, which older ones do not have."""
    data = codec.pack_value(pathlib.PurePosixPath("/a/b"))
    for name in (b"pathlib._local", b"pathlib"):
        body = pickle.dumps(pathlib.PurePosixPath("/a/b"), 0).replace(
            b"cpathlib\n", b"c" + name + b"\n"
        )
        assert codec.unpack_value(data[:SIZE] + body) == pathlib.PurePosixPath("/a/b")


def test_names_that_do_not_exist_here_are_named() -> None:
    head = codec.pack_value(None)[:SIZE]
    with pytest.raises(UnpackError, match=r"refers to __main__.Nobody.* define it in this program"):
        codec.unpack_value(head + b"c__main__\nNobody\n.")
    with pytest.raises(UnpackError, match=r"no module 'no_such_module': install it"):
        codec.unpack_value(head + b"cno_such_module\nThing\n.")
    with pytest.raises(UnpackError, match=r"another version of 'json' installed"):
        codec.unpack_value(head + b"cjson\nNobody\n.")


def test_results_that_cannot_travel_are_named() -> None:
    with pytest.raises(
        PackError, match=r"the result .*'generator' object at \['a'\]\[1\]: pass a list"
    ):
        codec.pack_value({"a": [1, (i for i in range(3))]})
    with pytest.raises(PackError, match="the result cannot be packed: .*function"):
        codec.pack_value(lambda: 1)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(PackError, match="nested too deeply"):
        codec.pack_value(deep)


def test_arguments_bring_their_classes() -> None:
    payload = codec.pack_args([helpers.Reading(2.0)], {"fn": helpers.visible})
    prefix = codec.read_prefix(payload)
    assert prefix.source
    assert prefix.python is None
    (reading,), kwargs = codec.unpack_args(payload)
    assert type(reading) is not helpers.Reading
    assert reading.scaled().value == 14.0
    assert kwargs["fn"](3) == helpers.visible(3)
    assert not codec.read_prefix(codec.pack_args([1, len, {"a": [None]}])).source


def test_plain_arguments_are_packed_as_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    args = (1, -(1 << 80), 2.5, 1j, True, "ä\ud800", b"\0", None)
    short = codec.pack_args(args)
    monkeypatch.setattr("yonder.codec.payload._CODELESS", frozenset())
    assert short == codec.pack_args(args), "the same bytes, whichever way they were made"
    assert codec.unpack_args(short) == (args, {})


def test_what_only_looks_plain_brings_its_code() -> None:
    class Level(int):
        pass

    (level,), _ = codec.unpack_args(codec.pack_args((Level(3),)))
    assert level == 3
    assert type(level).__name__ == "Level"
    assert codec.read_prefix(codec.pack_args((Level(3),))).source
