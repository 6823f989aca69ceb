"""What a worker writes where its manager can read it at any time: a mapped file.

Nothing is sent: the manager looks when somebody asks. Little endian::

    0    u64 run, u64 index of the task that the worker is at; they tell after
         a crash which task ended it
    16   u64 number of progress calls; number n is in slot n % 2, so that one
         slot is always whole
    64   two slots of 480 bytes: u64 run, u64 index, u64 calls of this task,
         f64 done, f64 total (0: unknown), i64 Unix time in microseconds,
         u16 length of the message, the message in UTF-8
"""

from __future__ import annotations

import struct
from time import time_ns
from typing import Optional

SIZE = 1024
MESSAGE_BYTES = 400

_SLOT = struct.Struct(f"<QQQddqH{MESSAGE_BYTES}s")
_FIRST, _STEP = 64, 480


class Board:
    """The board of one worker, over a mapping of ``SIZE`` bytes."""

    __slots__ = ("_bytes", "_calls", "_count", "_of", "where")

    def __init__(self, view: memoryview) -> None:
        self._bytes = view.cast("B")
        self.where = self._bytes[:16].cast("Q")
        self._count = self._bytes[16:24].cast("Q")
        self._of = (0, 0)
        self._calls = 0

    def progress(self, done: float, total: Optional[float], message: str) -> None:
        """Note how far the task is that the worker is at. It costs about a microsecond."""
        of = (self.where[0], self.where[1])
        if of != self._of:
            self._of, self._calls = of, 0
        self._calls += 1
        number = self._count[0] + 1
        text = message.encode("utf-8", "replace")[:MESSAGE_BYTES] if message else b""
        at, now = _FIRST + _STEP * (number % 2), time_ns() // 1000
        size = len(text)
        _SLOT.pack_into(self._bytes, at, *of, self._calls, done, total or 0.0, now, size, text)
        self._count[0] = number
