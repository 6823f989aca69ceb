"""Which tasks of a run the worker may begin.

The manager takes back what a worker has not begun when a call is slow and others have
nothing to do. So a run is claimed block by block: for every block but the first there
is a byte in a pipe, and who reads the byte has the block. Only one of both can, at any
moment, and the worker need not answer for it: it may be in the middle of a call that
lets nobody else run.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


class Claims:
    """The tasks from ``lo`` to ``hi``, the first ``block`` of which are claimed.

    ``claimed`` is the index after the last claimed task, ``end`` the one after the
    last task that can still be claimed, as far as is known.
    """

    def __init__(self, pipe: int, lo: int, hi: int, block: int) -> None:
        self.pipe = pipe
        self.block = block
        self.end = hi
        self.claimed = min(lo + block, hi)

    def more(self) -> bool:
        """Claim the next block; False if there is none left, and there never will be."""
        if self.claimed == self.end:
            return False
        try:
            left = os.read(self.pipe, 1)
        except BlockingIOError:
            left = b""
        self.end = self.end if left else self.claimed
        self.claimed = min(self.claimed + self.block, self.end)
        return bool(left)

    def rest(self) -> int:
        """Claim all that is left; the index after the last task."""
        while self.more():
            pass
        return self.end


@contextlib.contextmanager
def claims(path: str, lo: int, hi: int, block: int) -> Iterator[Claims]:
    """The claims of a run, whose blocks are in the pipe at ``path``; 0 stands for one block."""
    if not 0 < block < hi - lo:
        yield Claims(-1, lo, hi, hi - lo)
        return
    # For writing, too: nobody at the other end is not the end of it.
    pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield Claims(pipe, lo, hi, block)
    finally:
        os.close(pipe)
