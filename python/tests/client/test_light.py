"""Futures without a condition of their own until somebody needs it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any

import pytest

from yonder.client import light
from yonder.client.light import LightFuture
from yonder.client.unfinished import Unfinished

# Each race is run so often; it takes a fraction of a second.
ROUNDS = 300


def made(future: LightFuture[Any]) -> set[str]:
    """What of a future was made on demand."""
    return {"_condition", "_waiters", "_done_callbacks"} & set(vars(future))


def test_what_nobody_waits_for_is_not_made() -> None:
    future: LightFuture[int] = LightFuture()
    assert not future.done()
    future.set_result(3)
    assert future.done()
    assert not future.cancelled()
    assert not made(future)
    assert future.result() == 3


@pytest.mark.parametrize(
    "wait",
    [
        lambda future: future.result(10),
        lambda future: concurrent.futures.wait([future], 10).done.pop().result(),
        lambda future: next(concurrent.futures.as_completed([future], 10)).result(),
        lambda future: asyncio.run(awaited(future)),
    ],
    ids=["result", "wait", "as_completed", "asyncio"],
)
@pytest.mark.parametrize("early", [True, False], ids=["done", "pending"])
def test_every_way_to_wait(wait: Callable[[LightFuture[int]], int], early: bool) -> None:
    future: LightFuture[int] = LightFuture()
    setter = threading.Thread(target=future.set_result, args=(5,))
    setter.start()
    if early:
        setter.join()
    assert wait(future) == 5
    setter.join()


async def awaited(future: LightFuture[int]) -> int:
    return await asyncio.wrap_future(future)


def test_only_the_first_end_counts() -> None:
    ends: list[Callable[[LightFuture[Any]], object]] = [
        lambda future: future.set_result(1),
        lambda future: future.set_exception(ValueError()),
    ]
    for first in ends:
        for second in ends:
            future: LightFuture[Any] = LightFuture()
            first(future)
            with pytest.raises(concurrent.futures.InvalidStateError):
                second(future)
        assert not future.cancel()
    for end in ends:
        future = LightFuture()
        assert future.cancel()
        assert future.cancelled()
        with pytest.raises(concurrent.futures.InvalidStateError):
            end(future)


def test_an_exception() -> None:
    future: LightFuture[int] = LightFuture()
    error = ValueError("no")
    future.set_exception(error)
    assert future.exception() is error
    with pytest.raises(ValueError, match="no"):
        future.result()
    assert "raised ValueError" in repr(future)


def race(*jobs: Callable[[], object]) -> None:
    """Run all at once."""
    barrier = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> None:
        barrier.wait()
        job()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_callbacks_race_with_the_end() -> None:
    for _ in range(ROUNDS):
        future: LightFuture[int] = LightFuture()
        called: list[int] = []
        race(
            lambda f=future: f.set_result(1),
            lambda f=future, to=called: f.add_done_callback(lambda _: to.append(0)),
            lambda f=future, to=called: f.add_done_callback(lambda _: to.append(1)),
        )
        assert sorted(called) == [0, 1]


def test_waits_race_with_the_end() -> None:
    for _ in range(ROUNDS):
        future: LightFuture[int] = LightFuture()
        found: list[int] = []
        race(
            lambda f=future: f.set_result(7),
            lambda f=future, to=found: to.append(f.result(10)),
            lambda f=future, to=found: to.append(len(concurrent.futures.wait([f], 10).done)),
        )
        assert sorted(found) == [1, 7]


def test_cancels_race_with_the_end() -> None:
    for _ in range(ROUNDS):
        future: LightFuture[int] = LightFuture()
        said: list[bool] = []

        def end(f: LightFuture[int] = future, to: list[bool] = said) -> None:
            try:
                f.set_result(1)
            except concurrent.futures.InvalidStateError:
                to.append(False)
            else:
                to.append(True)

        race(end, lambda f=future, to=said: to.append(f.cancel()))
        assert sorted(said) == [False, True]
        assert future.cancelled() == (not future._result)


def test_a_child_process_has_a_guard_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(light, "_guard", light._guard)  # to be put back
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with light._guard:
            held.set()
            release.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    light._renew()  # what a fork does in the child, where the holder is not
    future: LightFuture[int] = LightFuture()
    future.set_result(1)
    release.set()
    holder.join()
    assert future.result() == 1


class Cancelled:
    """A future that a shutdown on another thread cancels as soon as it can be found."""

    _keeper: Any = None

    def cancel(self) -> None:
        if self._keeper is not None:
            self._keeper.drop(self)


class Found(set[Any]):
    def add(self, future: Any) -> None:
        super().add(future)
        future.cancel()


def test_a_future_that_is_taken_in_can_be_dropped_at_once() -> None:
    unfinished = Unfinished()
    unfinished._futures = Found()
    unfinished.add(Cancelled())  # type: ignore[arg-type]  # what is needed of one
    assert unfinished.wait(0)
