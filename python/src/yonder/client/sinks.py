"""Where a bundle's outcomes go: to one future each, or to the places of a chunk."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, InvalidStateError
from typing import Any, Optional, Protocol

from yonder.client.future import Entry, Future, Origin
from yonder.client.waiting import LONG_S

# An outcome that was read: a value as it is, or what was raised.
Outcome = Any


class Raised:
    """The exception of a call. Wrapped, because a value may itself be an exception."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Plain(list[Any]):
    """Values of which none was raised, and none is more than a number, a text or the like."""


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
        if isinstance(outcome, Raised):
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome)
    except InvalidStateError:
        pass


class Chunk(Future[None]):
    """The tasks of a bundle that was packed once: part of a map.

    It is done when all of them are; each one's outcome can be had as soon as it
    is there, and only once. ``tell`` is called with the number of new ones.
    ``mixed`` says that an outcome may be more than a plain value.
    """

    __yonder_stays_here__ = True

    def __init__(self, origin: Origin, tasks: int, group: str = "") -> None:
        super().__init__(origin, group)
        self.tasks = tasks
        self._outcomes: list[Outcome] = [None] * tasks
        self._has = bytearray(tasks)  # 1 for each task whose outcome came
        self._left = tasks
        self.mixed = False
        self.tell: Callable[[int], None] = lambda count: None

    def missing(self) -> list[int]:
        """The indexes of the tasks without an outcome."""
        with self._condition:
            return [index for index, has in enumerate(self._has) if not has]

    def fill(self, lo: int, outcomes: Sequence[Outcome], entry: Entry) -> bool:
        hi = min(lo + len(outcomes), self.tasks)
        with self._condition:
            self.mixed = self.mixed or type(outcomes) is not Plain
            new = self._has.count(0, lo, hi)
            if new == hi - lo:
                self._outcomes[lo:hi] = outcomes
            else:
                for index in range(lo, hi):
                    if not self._has[index]:
                        self._outcomes[index] = outcomes[index - lo]
            self._has[lo:hi] = bytes([1]) * (hi - lo)
            self._left -= new
            complete = not self._left
            self._condition.notify_all()
        self.tell(new)
        if complete:
            finish(self, None, entry, time.time_ns() // 1000)
        return complete

    def elements(self, index: int, end: Optional[float] = None) -> list[Outcome]:
        """The outcomes of the tasks from ``index`` on that came: at least one, waits for it.

        Waits until ``end`` of the monotonic clock at most. They are not kept.
        """
        self._check_process()
        begin = time.monotonic()
        with self._condition:
            while not self._has[index]:
                if self.done():
                    self._no_more()
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    raise self._too_late(round(time.monotonic() - begin, 3))
                self._condition.wait(LONG_S if left is None else min(left, LONG_S))
                if time.monotonic() - begin >= LONG_S and not self._has[index]:
                    self._condition.release()  # those who bring results need it
                    try:
                        self._origin.long_wait(self)
                    finally:
                        self._condition.acquire()
            hi = self._has.find(0, index)
            hi = self.tasks if hi < 0 else hi
            found = self._outcomes[index:hi]
            self._outcomes[index:hi] = [None] * (hi - index)
        return found

    def _no_more(self) -> None:
        if self.cancelled():
            raise CancelledError
        if self._exception is not None:
            raise self._exception
