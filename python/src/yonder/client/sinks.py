"""Where a bundle's outcomes go: to one future each, or to the places of a chunk."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, InvalidStateError
from typing import Any, Optional, Protocol, Union

from yonder.client.future import Entry, Future, Origin
from yonder.client.waiting import LONG_S

# An outcome that was read: a value, or the exception to raise in its place.
Outcome = Union["Value", BaseException]


class Value:
    """A call's value. Wrapped, because a value may itself be an exception."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Sink(Protocol):
    """Takes a bundle's outcomes, each at most once however often it comes."""

    def fill(self, lo: int, outcomes: Sequence[Outcome], entry: Entry) -> bool:
        """Take the outcomes of the tasks from ``lo`` on; True when none is missing any more."""

    def fail(self, error: BaseException) -> None:
        """The bundle was refused: no outcome will come."""


class Futures:
    """The futures of a bundle, by the index of their task."""

    def __init__(self, futures: Mapping[int, Future[Any]]) -> None:
        self._futures = dict(futures)

    def fill(self, lo: int, outcomes: Sequence[Outcome], entry: Entry) -> bool:
        received = time.time_ns() // 1000
        for index, outcome in enumerate(outcomes, lo):
            future = self._futures.pop(index, None)
            if future is not None:
                finish(future, outcome, entry, received)
        return not self._futures

    def fail(self, error: BaseException) -> None:
        while self._futures:
            self._futures.popitem()[1].fail(error)


def finish(future: Future[Any], outcome: Outcome, entry: Entry, received: int) -> None:
    """Give a future its outcome, unless it has been cancelled."""
    future._entry = entry
    future._received = received
    try:
        if isinstance(outcome, Value):
            future.set_result(outcome.value)
        else:
            future.set_exception(outcome)
    except InvalidStateError:
        pass


class Chunk(Future[None]):
    """The tasks of a bundle that was packed once: part of a map.

    It is done when all of them are; each one's outcome can be had as soon as it
    is there, and only once. ``tell`` is called with the number of new ones.
    """

    __yonder_stays_here__ = True

    def __init__(self, origin: Origin, tasks: int, group: str = "") -> None:
        super().__init__(origin, group)
        self.tasks = tasks
        self._outcomes: list[Optional[Outcome]] = [None] * tasks
        self._missing = set(range(tasks))
        self.tell: Callable[[int], None] = lambda count: None

    def missing(self) -> list[int]:
        """The indexes of the tasks without an outcome."""
        with self._condition:
            return sorted(self._missing)

    def fill(self, lo: int, outcomes: Sequence[Outcome], entry: Entry) -> bool:
        with self._condition:
            before = len(self._missing)
            for index, outcome in enumerate(outcomes, lo):
                if index in self._missing:
                    self._missing.discard(index)
                    self._outcomes[index] = outcome
            new = before - len(self._missing)
            complete = not self._missing
            self._condition.notify_all()
        self.tell(new)
        if complete:
            finish(self, Value(None), entry, time.time_ns() // 1000)
        return complete

    def element(self, index: int, end: Optional[float] = None) -> Any:
        """The value of one task, or its exception raised.

        Waits until ``end`` of the monotonic clock at most. The value is not kept.
        """
        self._check_process()
        begin = time.monotonic()
        with self._condition:
            while index in self._missing:
                if self.done():
                    self._no_more()
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    raise self._too_late(round(time.monotonic() - begin, 3))
                self._condition.wait(LONG_S if left is None else min(left, LONG_S))
                if time.monotonic() - begin >= LONG_S and index in self._missing:
                    self._condition.release()  # those who bring results need it
                    try:
                        self._origin.long_wait(self)
                    finally:
                        self._condition.acquire()
            outcome, self._outcomes[index] = self._outcomes[index], None
        if isinstance(outcome, Value):
            return outcome.value
        assert outcome is not None, "an element is taken once"
        raise outcome

    def _no_more(self) -> None:
        if self.cancelled():
            raise CancelledError
        if self._exception is not None:
            raise self._exception
