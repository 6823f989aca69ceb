"""Calls whose values are numbers: the shortest way from one to the next.

Between two calls there is one store for the value and one for the index, both in
files that outlive the process. All else is worked out by who asks: the teller for
what is finished, the function for its index, the manager after a crash.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import time
from typing import Any, Callable, NamedTuple, Optional

from yonder import codec
from yonder.worker.claims import Claims
from yonder.worker.report import CHUNK, OK, Report

# Kinds of values that a column may have, and the form of their items.
FORMS: dict[type, str] = {int: "q", bool: "q", type(None): "q", float: "d"}
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1

# A column that was shorter is not worth its opening: so many calls, and twice as many
# each time, go the other way before the next one.
SHORT = 8
MOST_SKIPPED = 1024


class Left(NamedTuple):
    """What a call came to that has no place in the column."""

    value: Any
    error: Optional[BaseException]


class Columns:
    """The columns of one run, one after the other. Who tells holds the report's lock.

    ``before`` reports what came before a column.
    """

    def __init__(self, report: Report, where: memoryview, before: Callable[[], None]) -> None:
        self.report = report
        self.before = before
        self.kept = report.kept
        self.where = where
        self.items: Optional[memoryview[Any]] = None  # of the open column
        self.kind: type = int
        self.told = 0  # the values before this one are reported
        self.began = 0.0
        self.skip = self.skipped = 0

    def fill(
        self, call: Callable[..., Any], columns: Sequence[Sequence[Any]], lo: int, claims: Claims
    ) -> Optional[Left]:
        """Call for the tasks from ``lo`` on, until the end or something else than a number.

        ``where`` says which task that is.
        """
        began = time()
        left = self._first(call, [column[lo] for column in columns], lo, began)
        if left is not None:
            return left
        left = self._rest(call, columns, claims.claimed)
        while left is None and claims.more():
            left = self._rest(call, columns, claims.claimed)
        with self.report.lock:
            self._close(lo)
        return left

    def wants(self) -> bool:
        """Whether the next call is to go this way."""
        self.skipped += 1
        return self.skipped > self.skip

    def _rest(
        self, call: Callable[..., Any], columns: Sequence[Sequence[Any]], hi: int
    ) -> Optional[Left]:
        """Call for the tasks before ``hi``."""
        assert self.items is not None, "it was opened"
        rows = [column[self.where[1] : hi] for column in columns]
        if self.kind is type(None):
            return _call(call, zip(*rows), self.where)
        if len(rows) == 1:
            return _call_one_and_keep(call, rows[0], self.kind, self.items, self.where)
        return _call_and_keep(call, zip(*rows), self.kind, self.items, self.where)

    def _first(
        self, call: Callable[..., Any], args: Sequence[Any], lo: int, began: float
    ) -> Optional[Left]:
        """Make the first call, which says of which kind the column is."""
        try:
            value = call(*args)
        except BaseException as error:
            return Left(None, error)
        kind = type(value)
        form = FORMS.get(kind)
        items = self.kept.items(form) if form else None
        if items is None or (kind is int and not _LEAST <= value <= _MOST):
            self._was(0)
            return Left(value, None)
        items[lo] = value or 0
        with self.report.lock:
            self.before()
            self.kind, self.items, self.told, self.began = kind, items, lo, began
            self.kept.open(lo, codec.numbers_head(kind), began)
            self.where[1] = lo + 1
        return None

    def tell(self) -> None:
        """Report the values so far."""
        at, now = self.where[1], time()
        if self.items is None or at <= self.told:
            return
        for count, payload in _packed(self._values(at), self.report.inline):
            lo, self.told = self.told, self.told + count
            self.report.add(lo, self.told, OK, CHUNK, payload, (self.began, now))
        self.began = now

    def waiting(self) -> bool:
        """Whether there are values to report."""
        return self.items is not None and bool(self.where[1] > self.told)

    def _values(self, at: int) -> list[Any]:
        assert self.items is not None, "it is open"
        if self.kind is type(None):
            return [None] * (at - self.told)
        values = self.items[self.told : at].tolist()
        return list(map(bool, values)) if self.kind is bool else values

    def _close(self, lo: int) -> None:
        at = self.where[1]
        self.tell()
        if not self.kept.close(at, self.began):
            self.report.flush()
            self.kept.close(at, self.began)
        self.items = None
        self._was(at - lo)

    def _was(self, length: int) -> None:
        self.skipped = 0
        self.skip = 0 if length >= SHORT else min(2 * self.skip + 1, MOST_SKIPPED)


def _packed(values: list[Any], most: int) -> Iterator[tuple[int, bytes]]:
    """Values in payloads of at most so many bytes, each with how many there are in it."""
    payload = codec.pack_scalars(values)
    if len(payload) <= most or len(values) < 2:
        yield len(values), payload
        return
    middle = len(values) // 2
    yield from _packed(values[:middle], most)
    yield from _packed(values[middle:], most)


def _call_and_keep(
    call: Callable[..., Any],
    calls: Iterator[tuple[Any, ...]],
    kind: type,
    items: memoryview[Any],
    where: memoryview,
) -> Optional[Left]:
    at = where[1]
    value: Any = None
    try:
        for args in calls:
            value = call(*args)
            if type(value) is not kind:
                return Left(value, None)
            items[at] = value
            at += 1
            where[1] = at
    except BaseException as error:
        if kind is int and value is not None and not _LEAST <= value <= _MOST:
            return Left(value, None)  # the call is well, its value is too large for an item
        return Left(None, error)
    return None


def _call_one_and_keep(
    call: Callable[..., Any],
    args: Sequence[Any],
    kind: type,
    items: memoryview[Any],
    where: memoryview,
) -> Optional[Left]:
    """The same for calls with one argument: a fifth of the time goes into taking apart a tuple."""
    at = where[1]
    value: Any = None
    try:
        for arg in args:
            value = call(arg)
            if type(value) is not kind:
                return Left(value, None)
            items[at] = value
            at += 1
            where[1] = at
    except BaseException as error:
        if kind is int and value is not None and not _LEAST <= value <= _MOST:
            return Left(value, None)
        return Left(None, error)
    return None


def _call(
    call: Callable[..., Any], calls: Iterator[tuple[Any, ...]], where: memoryview
) -> Optional[Left]:
    """The same for calls without a value."""
    at = where[1]
    try:
        for args in calls:
            value = call(*args)
            if value is not None:
                return Left(value, None)
            at += 1
            where[1] = at
    except BaseException as error:
        return Left(None, error)
    return None
