"""Bytes as a file, without a copy."""

from __future__ import annotations

import io
import pickle
import random
from typing import Any

import pytest

from yonder import codec
from yonder.codec.views import LARGE, Views, opened


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_every_protocol_load_as_from_a_copy(protocol: int) -> None:
    value: Any = [
        1,
        "text",
        b"x" * 1000,
        bytearray(b"y" * 200_000),
        {"a": (None, 2.5)},
        int,
        "z" * 70_000,
    ]
    data = pickle.dumps(value, protocol)
    assert pickle.Unpickler(Views(data)).load() == value


def test_it_reads_as_a_bytesio_does() -> None:
    rng = random.Random(5)
    data = bytes(rng.choice(b"ab\n") if rng.random() < 0.01 else 97 for _ in range(5000))
    views, copy = Views(memoryview(data)), io.BytesIO(data)
    for _ in range(400):
        step = rng.randrange(3)
        if step == 0:
            size = rng.randrange(50)
            assert views.read(size) == copy.read(size)
        elif step == 1:
            ours, theirs = bytearray(20), bytearray(20)
            assert views.readinto(ours) == copy.readinto(theirs)
            assert ours == theirs
        else:
            assert views.readline() == copy.readline()
    assert views.read() == copy.read()
    assert views.read() == views.readline() == b""
    assert views.readinto(bytearray(5)) == 0


def test_only_large_bytes_are_read_where_they_are() -> None:
    assert isinstance(opened(b"x" * (LARGE - 1)), io.BytesIO)
    views = opened(memoryview(b"x" * LARGE))
    assert isinstance(views, Views)
    assert opened(views) is views


@pytest.mark.parametrize("size", [0, 1000, LARGE, 3 << 20])
def test_calls_and_values_of_any_size_come_back(size: int) -> None:
    data = random.Random(size).randbytes(size)
    for value in (data, {"data": data, "more": [data]}, bytearray(data)):
        assert codec.unpack_args(codec.pack_args((value,))) == ((value,), {})
        assert codec.unpack_value(memoryview(codec.pack_value(value))) == value
