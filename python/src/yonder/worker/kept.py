"""Outcomes that were not told yet, where the manager finds them if this process ends.

A worker tells the outcomes of short calls together. What it had finished when a
later call ended it would be lost with it, so each is written to a mapped file
first, which outlives the process. Little endian::

    0    u64 run, u64 bytes of records used
    16   the open column: u64 1 + index of its first task (0: there is none),
         f64 began, u32 length of its head, 36 bytes for the head
    72   records: u32 index, u32 outcome, f64 began, f64 ended (seconds of Unix
         time), u32 length, and so many bytes of payload
    SIZE 65,536 items of 8 bytes, one for each index that a task may have

A column is a row of calls whose values are numbers of one kind. Each value is in
the item of its task. While the column is open it ends before the task that the
board says the worker is at; once closed it is a record of outcome 3, whose
payload is a u64, the index after its last task, and the head. Head and items
together are the payload of a chunk of values.
"""

from __future__ import annotations

import mmap
import struct
from typing import Any, Optional

from yonder.worker import disk
from yonder.worker.report import EXCEPTION, FAILED, OK, STREAM

# Small enough to be there for every worker, large enough for what fits a message.
SIZE = 512 << 10
ITEMS = 65_536  # tasks of a bundle
_HEAD = 72
_COLUMN = struct.Struct("<dI36s")
_RECORD = struct.Struct("<IIddI")
_END = struct.Struct("<Q")
_OUTCOMES = {OK: 0, STREAM: 0, EXCEPTION: 1, FAILED: 2}
_CLOSED = 3


class Kept:
    """The file of one worker, made when it is first of use."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.map: Optional[mmap.mmap] = None
        self.head: Any = None
        self.at = _HEAD
        self.column = (0, 0.0, b"")  # first index, began, head

    def begin(self, run: int) -> None:
        """A run of several tasks begins. Without room on the disk nothing is kept."""
        if self.map is None:
            try:
                self.map = disk.mapped(self.path, SIZE + 8 * ITEMS)
            except OSError:
                return
            self.head = memoryview(self.map)[:24].cast("Q")
        self.head[2] = 0
        self.clear()
        self.head[0] = run

    def add(self, index: int, outcome: str, payload: bytes, times: tuple[float, float]) -> bool:
        """Keep an outcome; False if it does not fit and is better told at once."""
        return self._add(index, _OUTCOMES[outcome], payload, times)

    def _add(self, index: int, outcome: int, payload: bytes, times: tuple[float, float]) -> bool:
        size = len(payload)
        start = self.at + _RECORD.size
        end = start + size
        if end > SIZE or self.map is None:
            return False
        _RECORD.pack_into(self.map, self.at, index, outcome, *times, size)
        self.map[start:end] = payload
        self.at = end
        self.head[1] = end - _HEAD  # last: whoever reads it finds the record whole
        return True

    def items(self, form: Any) -> Optional[memoryview[Any]]:
        """Where values of columns are kept, by the index of their task; None without a file."""
        if self.map is None:
            return None
        items: memoryview[Any] = memoryview(self.map)[SIZE : SIZE + 8 * ITEMS].cast(form)
        return items

    def open(self, index: int, head: bytes, began: float) -> None:
        """The values from a task on are in their items."""
        assert self.map is not None, "there are items"
        self.column = (index, began, head)
        _COLUMN.pack_into(self.map, 24, began, len(head), head)
        self.head[2] = index + 1

    def close(self, end: int, ended: float) -> bool:
        """The column ends before a task; False if it is better told at once."""
        index, began, head = self.column
        kept = self._add(index, _CLOSED, _END.pack(end) + head, (began, ended))
        if kept:
            self.head[2] = 0
        return kept

    def clear(self) -> None:
        """All of it has been told, but for what an open column will have."""
        self.at = _HEAD
        if self.head is not None:
            self.head[1] = 0
