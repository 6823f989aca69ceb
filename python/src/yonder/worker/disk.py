"""What a worker writes to disk, in one place: either all of a file is there, or none of it.

A file that is there in part would take room on a disk that has none. Tests make
each of the calls below fail.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from yonder.wire import Buffer

# The calls that can fail.
open_file = os.open
write = os.write
truncate = os.ftruncate
allocate = getattr(os, "posix_fallocate", None)
close = os.close
memory = mmap.mmap


def whole(path: str, data: Buffer) -> None:
    """Write a file that was not there."""
    fd = open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with _or_none(path, fd):
        left = memoryview(data)
        while left:
            left = left[write(fd, left) :]


def mapped(path: str, size: int) -> mmap.mmap:
    """Map a file of so many bytes, all of which have their room on the disk."""
    fd = open_file(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with _or_none(path, fd):
        if allocate is not None:
            # A page without room on the disk would end the process when it is written.
            allocate(fd, 0, size)
        else:
            truncate(fd, size)
        return memory(fd, size)


@contextmanager
def _or_none(path: str, fd: int) -> Iterator[None]:
    """Close the file in any case, and remove it if anything fails."""
    try:
        try:
            yield
        finally:
            close(fd)
    except OSError:
        with suppress(OSError):  # what kept it from being written may keep this, too
            os.unlink(path)
        raise
