"""Bytes that are in memory already, as a file to load a pickle from."""

from __future__ import annotations

import io
from typing import Union

from yonder.codec.prefix import Buffer

# Below this size a BytesIO, which copies, is the quicker file.
LARGE = 256 << 10
_LINE = 256


class Views:
    """A file that copies only what is read: BytesIO would begin with a copy of all."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: Buffer) -> None:
        self._data = memoryview(data)
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes, all that are left without a size."""
        piece = self._next(len(self._data) if size < 0 else size)
        return bytes(piece)

    def readinto(self, into: Union[bytearray, memoryview]) -> int:
        """Fill a buffer as far as there are bytes; says how many."""
        piece = self._next(len(into))
        into[: len(piece)] = piece
        return len(piece)

    def readline(self) -> bytes:
        """The next bytes up to a line's end."""
        begin, line = self._at, b""
        while b"\n" not in line:
            piece = self.read(_LINE)
            line += piece
            if not piece:
                return line
        line = line[: line.index(b"\n") + 1]
        self._at = begin + len(line)
        return line

    def _next(self, size: int) -> memoryview:
        piece = self._data[self._at : self._at + size]
        self._at += len(piece)
        return piece


File = Union[io.BytesIO, Views]


def opened(data: Union[Buffer, File]) -> File:
    """The bytes as a file; what is one stays as it is."""
    if isinstance(data, (io.BytesIO, Views)):
        return data
    return Views(data) if len(data) >= LARGE else io.BytesIO(data)
