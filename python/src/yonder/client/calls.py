"""The calls of a map before they are packed: arguments by position, and no object for each call."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, Callable, Optional, Union

Column = Union["list[Any]", "range", "tuple[Any, ...]"]

# These can be cut, and nobody can tell that their items were not taken one by one.
_CUT = (list, tuple, range)


class Calls:
    """Some calls with positional arguments, one column for each position."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def halves(self) -> tuple[Calls, Calls]:
        """The first half, and the rest."""
        middle = len(self) // 2
        first = [column[:middle] for column in self.columns]
        return Calls(first), Calls([column[middle:] for column in self.columns])

    def rows(self) -> list[tuple[Any, ...]]:
        """The arguments of each call."""
        return list(zip(*self.columns))


class Source:
    """Takes calls from iterables, in order, as ``zip`` does.

    ``total`` is how many there are, None if only reading tells. Lists are read when
    their calls are taken.
    """

    def __init__(self, iterables: Sequence[Iterable[Any]]) -> None:
        self._take: Callable[[int], Calls] = self._read
        self.total: Optional[int] = None
        self._at = 0
        if iterables and all(type(it) in _CUT for it in iterables):
            self._whole: list[Any] = list(iterables)
            self.total = min(map(len, self._whole))
            self._take = self._cut
        elif len(iterables) == 1:
            self._only = iter(iterables[0])
            self._take = self._read_one
        else:
            self._rows = zip(*iterables)

    def take(self, count: int) -> Calls:
        """The next calls, at most so many; none at the end."""
        return self._take(count)

    def known(self, most: int) -> None:
        """Find out the total, unless that means to read more than so many calls."""
        if self.total is not None:
            return
        read = self._take(most)
        rest = self._take
        if len(read) < most:
            self.total = len(read)
            self._whole, self._take = list(read.columns), self._cut
            return
        self._whole = list(read.columns)
        self._take = lambda count: self._cut(count) or self._then(rest, count)

    def _then(self, rest: Callable[[int], Calls], count: int) -> Calls:
        self._whole, self._take = [], rest
        return rest(count)

    def _cut(self, count: int) -> Calls:
        lo, self._at = self._at, self._at + count
        most = min(map(len, self._whole), default=0)
        return Calls([column[lo : min(self._at, most)] for column in self._whole])

    def _read_one(self, count: int) -> Calls:
        return Calls([list(itertools.islice(self._only, count))])

    def _read(self, count: int) -> Calls:
        return Calls([list(column) for column in zip(*itertools.islice(self._rows, count))])
