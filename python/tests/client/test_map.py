"""Executor.map: order, chunks, failures, time."""

from __future__ import annotations

import concurrent.futures
import itertools
from collections.abc import Iterator

import pytest

from yonder import codec
from yonder.client.chunks import size_for
from yonder.client.client import Client
from yonder.client.executor import Executor

from .fake_faults import Gate
from .fake_service import FakeService
from .fake_worker import FakeWorker


def add(x: int, y: int) -> int:
    return x + y


def invert(x: int) -> float:
    return 1 / x


@pytest.mark.parametrize("chunksize", [None, 1, 7, 1000])
def test_values_come_in_order(client: Client, worker: FakeWorker, chunksize: int) -> None:
    with Executor(client=client) as executor:
        found = executor.map(add, range(100), itertools.count(5), chunksize=chunksize)
        assert list(found) == [2 * i + 5 for i in range(100)]


def test_nothing_to_do(service: FakeService, client: Client) -> None:
    with Executor(client=client) as executor:
        assert list(executor.map(add, [], [])) == []
    assert not service.state.bundles


@pytest.mark.parametrize(
    ("calls", "slots", "size"),
    [(1, 4, 1), (16, 4, 1), (17, 4, 2), (1600, 4, 100), (64, 0, 2), (10**9, 1, 65_536)],
)
def test_size_of_chunks(calls: int, slots: int, size: int) -> None:
    assert size_for(calls, slots, 65_536) == size


def test_chunks_travel_as_one_payload(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    with Executor(client=client) as executor:
        assert list(executor.map(add, range(160), range(160))) == [2 * i for i in range(160)]
    bundles = service.state.await_bundles(16)
    assert [bundle.header["tasks"] for bundle in bundles] == [10] * 16
    assert {bundle.header["form"] for bundle in bundles} == {"chunk"}
    assert all(len(bundle.columns) == 1 for bundle in bundles)


@pytest.mark.parametrize("chunksize", [1, 10])
def test_a_failing_call_is_raised_at_its_place(
    client: Client, worker: FakeWorker, chunksize: int
) -> None:
    with Executor(client=client) as executor:
        found = executor.map(invert, [4, 2, 1, 0, 1], chunksize=chunksize)
        assert [next(found), next(found), next(found)] == [0.25, 0.5, 1.0]
        with pytest.raises(ZeroDivisionError):
            next(found)
        with pytest.raises(StopIteration):
            next(found)


def test_values_are_streamed_from_a_chunk(service: FakeService, client: Client) -> None:
    with Executor(client=client) as executor:
        found = executor.map(add, range(4), range(4), chunksize=4)
        (bundle,) = service.state.await_bundles(1)
        service.state.finish(bundle, 0, 2, "ok", values(0, 2))
        assert [next(found), next(found)] == [0, 2]
        service.state.finish(bundle, 3, 4, "ok", codec.pack_value(6))
        service.state.finish(bundle, 2, 3, "ok", codec.pack_value(4))
        assert list(found) == [4, 6]


def test_part_of_an_entrys_values(service: FakeService, client: Client) -> None:
    """Values of tasks that had a result already come before the others."""
    with Executor(client=client) as executor:
        found = executor.map(add, range(4), range(4), chunksize=4)
        (bundle,) = service.state.await_bundles(1)
        service.state.finish(bundle, 0, 1, "ok", codec.pack_value(0))
        service.state.finish(bundle, 1, 3, "ok", values(99, 2, 4, 98), skip=1)
        service.state.finish(bundle, 3, 4, "ok", codec.pack_value(6))
        assert list(found) == [0, 2, 4, 6]


def values(*found: int) -> bytes:
    return codec.join_values([codec.pack_value(value) for value in found])


@pytest.mark.parametrize("chunksize", [1, 2])
def test_time_runs_out(client: Client, chunksize: int) -> None:
    executor = Executor(client=client)
    found = executor.map(add, range(4), range(4), timeout=0.01, chunksize=chunksize)
    with pytest.raises(concurrent.futures.TimeoutError, match="no result within"):
        next(found)
    executor.shutdown()  # what was not asked for is cancelled


def test_leaving_early_cancels_the_rest(service: FakeService, client: Client) -> None:
    with Executor(client=client) as executor:
        found = executor.map(add, range(6), range(6), chunksize=3)
        service.state.on_bundle = lambda bundle: None
        first, second = service.state.await_bundles(2)
        service.state.finish(first, 0, 1, "ok", codec.pack_value(0))
        assert next(found) == 0
        found.close()  # type: ignore[attr-defined]
        tasks = {*service.state.await_cancels(5)}
    expected = {f"{first.id[:-1]}{i}" for i in (1, 2)} | {f"{second.id[:-1]}{i}" for i in range(3)}
    assert tasks == expected


def test_a_chunk_that_is_too_large_is_split(service: FakeService, worker: FakeWorker) -> None:
    service.state.limits["payload_bytes"] = 2000
    with Client(service.url, service.state.token) as client, Executor(client=client) as executor:
        words = ["x" * 300] * 3 + ["y" * 300 + str(i) for i in range(13)]
        found = executor.map(len, words, chunksize=16)
        assert list(found) == [len(word) for word in words]
    assert len(service.state.bundles) > 1


def test_wrong_chunksize(client: Client) -> None:
    executor = Executor(client=client)
    with pytest.raises(ValueError, match="chunksize"):
        executor.map(add, [1], [2], chunksize=0)


def test_a_failed_submit_fails_the_chunk(service: FakeService, client: Client) -> None:
    gate = Gate()
    service.fault("POST", "/v1/bundles", gate)
    executor = Executor(client=client)
    found = executor.map(add, range(4), chunksize=4)  # one argument is missing
    service.state.endpoints.clear()
    gate.open.set()
    with pytest.raises(LookupError, match="no endpoint"):
        next(found)


def test_values_are_taken_in_any_way(client: Client, worker: FakeWorker) -> None:
    def found() -> Iterator[int]:
        return Executor(client=client).map(add, range(9), range(9), chunksize=4)

    expected = [2 * i for i in range(9)]
    assert list(found()) == expected
    one = found()
    assert [next(one), *one] == expected
    assert next(one, None) is None
    first = zip(*[found()] * 3)
    assert [value for row in first for value in row] == expected


def test_what_was_raised_ends_a_map_of_plain_values(service: FakeService, client: Client) -> None:
    with Executor(client=client) as executor:
        service.state.on_bundle = lambda bundle: None
        found = executor.map(add, range(6), range(6), chunksize=3)
        first, second = service.state.await_bundles(2)
        for bundle, numbers in ((first, [0, 2, 4]), (second, [6, 8])):
            service.state.finish(bundle, 0, len(numbers), "ok", codec.pack_scalars(numbers))
        service.state.finish(second, 2, 3, "exception", codec.pack_error(ValueError("last")))
        assert [next(found) for _ in range(5)] == [0, 2, 4, 6, 8]
        with pytest.raises(ValueError, match="last"):
            next(found)
        assert list(found) == []
