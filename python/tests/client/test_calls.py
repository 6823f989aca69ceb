"""Calls taken from iterables: what zip gives, in pieces."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from yonder import codec
from yonder.client.calls import Calls, Source


def rows(source: Source, size: int) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    while True:
        calls = source.take(size)
        if not calls:
            return found
        assert len(calls) <= size
        found += calls.rows()


def counted(n: int) -> Iterator[int]:
    yield from range(n)


@pytest.mark.parametrize("known", [None, 3, 7, 100])
@pytest.mark.parametrize(
    ("make", "total"),
    [
        (lambda: [], 0),
        (lambda: [[]], 0),
        (lambda: [range(7)], 7),
        (lambda: [[1, 2, 3], (4, 5), range(9)], 2),
        (lambda: [counted(7)], 7),
        (lambda: [counted(7), "abcd"], 4),
        (lambda: [iter("abcdefgh")] * 2, 4),
    ],
)
def test_calls_are_those_of_zip(make: Any, total: int, known: Any) -> None:
    expected = list(zip(*make()))
    source = Source(make())
    if known:
        source.known(known)
        assert source.total in (None, total)
        assert source.total == total or total >= known
    assert rows(source, 3) == expected


def test_no_more_is_read_than_is_taken() -> None:
    numbers = itertools.count()
    source = Source([numbers])
    assert source.take(5).rows() == [(i,) for i in range(5)]
    assert next(numbers) == 5


def test_halves() -> None:
    first, second = Calls([range(5), [1, 2, 3, 4, 5]]).halves()
    assert first.rows() == [(0, 1), (1, 2)]
    assert second.rows() == [(2, 3), (3, 4), (4, 5)]


def test_columns_of_scalars_are_packed_as_they_are() -> None:
    data = codec.pack_columns([range(0, 10**6, 20), ["x"] * 50_000])
    assert data is not None
    found = codec.unpack_chunk(data)
    assert found[49_999] == ((999_980, "x"), {})
    assert codec.pack_columns([[1], [[]]]) is None
    assert codec.pack_columns([]) is None
    only = codec.pack_columns([range(50_000)])
    assert only is not None
    assert len(only) < 100
