"""Standard output and error of a worker."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
from typing import Optional

libc: Optional[ctypes.CDLL]
try:
    libc = ctypes.CDLL(None)
except (OSError, TypeError):  # a Python without a dynamic C library
    libc = None


def by_line() -> None:
    """Write each line when it is complete: what was printed before a crash is its best clue."""
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, io.TextIOWrapper), "the interpreter's own streams"
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


def replace(fd: int, path: str, flags: int) -> None:
    """Open ``path`` as ``fd``."""
    opened = os.open(path, flags)
    if opened != fd:
        os.dup2(opened, fd)
        os.close(opened)
    os.set_inheritable(fd, True)


def flush() -> None:
    """Push out what Python and C libraries hold back."""
    for stream in (sys.stdout, sys.stderr):
        # A function may have closed or replaced it.
        with contextlib.suppress(Exception):
            stream.flush()
    if libc is not None:
        libc.fflush(None)
