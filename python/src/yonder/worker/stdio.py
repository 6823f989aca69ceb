"""Standard output and error of a worker."""

from __future__ import annotations

import ctypes
import sys

try:
    libc = ctypes.CDLL(None)
except (OSError, TypeError):  # a Python without a dynamic C library
    libc = None


def by_line() -> None:
    """Write each line when it is complete: what was printed before a crash is its best clue."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


def flush() -> None:
    """Push out what Python and C libraries hold back."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: S110, SIM105  # a function may have closed or replaced it
            pass
    if libc is not None:
        libc.fflush(None)
