"""Outcomes that were not told yet, where the manager finds them if this process ends.

A worker tells the outcomes of short calls together. What it had finished when a
later call ended it would be lost with it, so each is written to a mapped file
first, which outlives the process. Little endian::

    u64 run, u64 bytes used, counted from the first record
    records: u32 index, u32 outcome, f64 began, f64 ended (seconds of Unix time),
             u32 length, and so many bytes of payload
"""

from __future__ import annotations

import mmap
import os
import struct
from typing import Any, Optional

from yonder.worker.report import EXCEPTION, FAILED, OK, STREAM

# Small enough to be there for every worker, large enough for what fits a message.
SIZE = 512 << 10
_HEAD = 16
_RECORD = struct.Struct("<IIddI")
_OUTCOMES = {OK: 0, STREAM: 0, EXCEPTION: 1, FAILED: 2}


class Kept:
    """The file of one worker, made when it is first of use."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.map: Optional[mmap.mmap] = None
        self.head: Any = None
        self.at = _HEAD

    def begin(self, run: int) -> None:
        """A run of several tasks begins. Without room on the disk nothing is kept."""
        if self.map is None:
            try:
                self.map = _make(self.path)
            except OSError:
                return
            self.head = memoryview(self.map)[:_HEAD].cast("Q")
        self.clear()
        self.head[0] = run

    def add(self, index: int, outcome: str, payload: bytes, times: tuple[float, float]) -> bool:
        """Keep an outcome; False if it does not fit and is better told at once."""
        size = len(payload)
        start = self.at + _RECORD.size
        end = start + size
        if end > SIZE or self.map is None:
            return False
        _RECORD.pack_into(self.map, self.at, index, _OUTCOMES[outcome], *times, size)
        self.map[start:end] = payload
        self.at = end
        self.head[1] = end - _HEAD  # last: whoever reads it finds the record whole
        return True

    def clear(self) -> None:
        """All of it has been told."""
        self.at = _HEAD
        if self.head is not None:
            self.head[1] = 0


def _make(path: str) -> mmap.mmap:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if hasattr(os, "posix_fallocate"):
            # A page without room on the disk would end the process when it is written.
            os.posix_fallocate(fd, 0, SIZE)
        else:
            os.ftruncate(fd, SIZE)
        return mmap.mmap(fd, SIZE)
    finally:
        os.close(fd)
