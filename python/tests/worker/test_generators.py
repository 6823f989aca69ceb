"""Generators: their values one by one, and all of them as the result."""

from __future__ import annotations

import json
import pathlib

import pytest

from yonder import codec, wire


def count(n):
    yield from range(n)


def growing(n):
    seen = []
    for i in range(n):
        seen.append(i)
        yield seen


def breaks(n):
    yield from range(n)
    raise ValueError("enough")


def unpackable():
    yield 1
    yield lambda: None


async def later(n):
    import asyncio

    for i in range(n):
        await asyncio.sleep(0)
        yield i


def large(size):
    yield b"x" * size
    yield b"y"


def held(path):
    import pathlib
    import time

    yield from "abc"
    while not pathlib.Path(path).exists():
        time.sleep(0.01)  # workload


def some(n):
    return (i for i in range(n)) if n else "none"


def numbers(manager):
    return [number for _, number, _ in manager.yields]


def test_the_result_is_the_list_of_all_values(manager):
    entry, data = manager.call(count, 5)
    assert (entry["outcome"], entry["form"]) == ("ok", "each")
    assert codec.unpack_result(data) == [0, 1, 2, 3, 4]
    assert numbers(manager) == [0, 1, 2, 3, 4]
    assert [codec.unpack_value(data) for *_, data in manager.yields] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("n", [0, 70_000])
def test_any_number_of_values(manager, n):
    _, data = manager.call(count, n, inline=10 << 20)
    assert codec.unpack_result(data) == list(range(n))
    assert numbers(manager) == list(range(n))


def test_values_are_as_they_were_when_yielded(manager):
    _, data = manager.call(growing, 3)
    assert codec.unpack_result(data) == [[0], [0, 1], [0, 1, 2]]


def test_async_generators(manager):
    _, data = manager.call(later, 3)
    assert codec.unpack_result(data) == [0, 1, 2]


def test_json(manager):
    _, data = manager.call(count, 3, codec="json")
    assert json.loads(data[8:]) == codec.unpack_result(data) == [0, 1, 2]


def test_an_exception_ends_the_stream(manager):
    entry, data = manager.call(breaks, 2)
    assert entry["outcome"] == "exception"
    assert numbers(manager) == [0, 1]
    error = codec.unpack_error(data)
    assert str(error) == "enough"
    assert "worker/calls.py" not in json.loads(data[8:])["traceback"]
    assert codec.yielded(error) == [0, 1]


def test_an_exception_brings_the_values_before_it_in_json(manager):
    _, data = manager.call(breaks, 2, codec="json")
    assert json.loads(data[8:])["values"] == [0, 1]
    assert codec.yielded(codec.unpack_error(data)) == [0, 1]


def test_an_exception_before_any_value_brings_none(manager):
    _, data = manager.call(breaks, 0)
    assert "values" not in json.loads(data[8:])
    assert codec.yielded(codec.unpack_error(data)) == []


def test_an_exception_that_goes_to_a_file_still_has_a_line_for_listings(manager):
    entry, data = manager.call(breaks, 2, inline=64)
    assert entry["message"] == "ValueError: enough"
    assert codec.yielded(codec.unpack_error(data)) == [0, 1]


def test_a_value_that_cannot_be_packed(manager):
    entry, data = manager.call(unpackable)
    assert entry["outcome"] == "failed"
    assert "value 1 of the generator" in json.loads(data)["message"]


def test_a_large_value_comes_with_the_result_only(manager):
    _, data = manager.call(large, 300 << 10, inline=1 << 20)
    assert [len(v) for v in codec.unpack_result(data)] == [300 << 10, 1]
    assert numbers(manager) == [1]


def test_values_do_not_wait_for_the_next_one(manager, tmp_path):
    go = tmp_path / "go"
    manager.send(manager.load(held), [codec.pack_args((str(go),))])
    while len(manager.yields) < 3:
        frame = manager.stream.recv()
        assert frame.kind == wire.Kind.YIELD
        manager.take(frame)
    pathlib.Path(go).touch()
    ((_, data),), _ = manager.outcomes()
    assert codec.unpack_result(data) == ["a", "b", "c"]


def test_a_chunk_of_generators(manager):
    calls = codec.pack_chunk([((n,), {}) for n in (2, 0, 0, 3)])
    manager.send(manager.load(some), [calls], form="chunk", hi=4, total=4)
    found, _ = manager.outcomes()
    assert [(e["lo"], e["hi"], e["form"]) for e, _ in found] == [
        (0, 1, "each"), (1, 3, "chunk"), (3, 4, "each"),
    ]  # fmt: skip
    assert codec.unpack_result(found[0][1]) == [0, 1]
    assert list(codec.unpack_chunk(found[1][1])) == ["none", "none"]
    assert codec.unpack_result(found[2][1]) == [0, 1, 2]
    assert [(index, number) for index, number, _ in manager.yields] == [
        (0, 0), (0, 1), (3, 0), (3, 1), (3, 2),
    ]  # fmt: skip
