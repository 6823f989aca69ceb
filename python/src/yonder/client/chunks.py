"""Maps: how many calls go into one bundle, and values in the order of the arguments."""

from __future__ import annotations

import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, NamedTuple, Optional, Union

from yonder.client.future import Future
from yonder.client.progress import Tally
from yonder.client.sinks import Chunk, Plain, Raised

# Chunks for each slot: enough that slots with quick calls take more of them.
PER_SLOT = 4
# Slots to reckon with when the endpoint does not say.
SLOTS = 8

Part = Union[Future[Any], Chunk]


def size_for(calls: int, slots: int, most: int) -> int:
    """Calls in a chunk, so that every slot gets several chunks."""
    return max(1, min(math.ceil(calls / ((slots or SLOTS) * PER_SLOT)), most))


class Parts:
    """The calls of one map on their way: submitted so far, and how to submit more.

    ``submit`` takes the next calls and returns their parts, none at the end.
    """

    def __init__(self, submit: Callable[[], list[Part]], ahead: Optional[int]) -> None:
        self._submit = submit
        self._ahead = ahead
        self._waiting: deque[Part] = deque()
        self.more()

    def more(self) -> None:
        """Submit until enough parts are under way; cancels all if that fails."""
        try:
            while self._ahead is None or len(self._waiting) < self._ahead:
                parts = self._submit()
                if not parts:
                    return
                self._waiting.extend(parts)
        except BaseException:
            self.cancel()
            raise

    def __iter__(self) -> Iterator[Part]:
        while self._waiting:
            yield self._waiting.popleft()
            self.more()

    def cancel(self) -> None:
        """Cancel those that nobody has taken."""
        while self._waiting:
            self._waiting.popleft().cancel()


class Terms(NamedTuple):
    """How the values of a map are given out.

    ``end`` is on the monotonic clock; with ``exceptions``, what a call raised takes
    the place of its value.
    """

    end: Optional[float] = None
    exceptions: bool = False
    progress: Optional[bool] = None


def terms(timeout: Optional[float], exceptions: bool, progress: Optional[bool]) -> Terms:
    """Terms that begin now."""
    return Terms(None if timeout is None else time.monotonic() + timeout, exceptions, progress)


class Values(Iterator[Any]):
    """The values of a map. From one to the next there is no step in Python."""

    def __init__(self, runs: Generator[Iterable[Any], None, None]) -> None:
        self._runs = runs
        self._values = itertools.chain.from_iterable(runs)

    def __iter__(self) -> Iterator[Any]:
        return self._values

    def __next__(self) -> Any:
        return next(self._values)

    def close(self) -> None:
        """Give out nothing more, and cancel the calls that are left."""
        self._runs.close()
        self._values = itertools.chain()


def results(parts: Parts, terms: Terms, tally: Tally) -> Values:
    """The values of all parts in order.

    Raises what a call raised when its turn comes, or a timeout when it is too late.
    Parts that will not be asked for are cancelled.
    """
    return Values(_runs(parts, terms, tally))


def _runs(parts: Parts, terms: Terms, tally: Tally) -> Generator[Iterable[Any], None, None]:
    try:
        with tally.shown(terms.progress):
            for part in parts:
                only = [part]
                del part  # who takes a value is to be the only one who has it
                for found in batches(only.pop(), terms):
                    if type(found) is Plain:
                        yield reversed(found)
                    else:
                        yield map(found.pop, itertools.repeat(-1, len(found)))
                    del found
    finally:
        parts.cancel()


def batches(part: Part, terms: Terms) -> Iterator[list[Any]]:
    """The values of one part, in lists to be taken from the end."""
    if isinstance(part, Chunk):
        yield from _elements(part, terms)
        return
    only = [part]
    del part
    yield [_result(only.pop(), terms)]


def _elements(chunk: Chunk, terms: Terms) -> Iterator[list[Any]]:
    index = 0
    try:
        while index < chunk.tasks:
            found = chunk.elements(index, terms.end)
            index += len(found)
            found.reverse()
            if not chunk.mixed:
                yield Plain(found)
            elif Raised in set(map(type, found)):
                yield from _told(found, terms)
            else:
                yield found
    finally:
        chunk.cancel()


def _told(found: list[Any], terms: Terms) -> Iterator[list[Any]]:
    """The same where some have raised."""
    while found:
        outcome = found.pop()
        if not isinstance(outcome, Raised):
            yield [outcome]
        elif terms.exceptions and isinstance(outcome.error, Exception):
            yield [outcome.error]
        else:
            raise outcome.error
        del outcome


def _result(future: Future[Any], terms: Terms) -> Any:
    end = terms.end
    try:
        left = None if end is None else max(0.0, end - time.monotonic())
        if terms.exceptions:
            error = future.exception(left)
            if error is not None:
                return error
        return future.result(left)
    finally:
        future.cancel()
        del future  # its exception's traceback refers to this frame
