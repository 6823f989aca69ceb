"""What a worker that is told to end still says."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any, Callable, Optional


@contextlib.contextmanager
def telling(tell: Callable[[], None], *writers: Any) -> Iterator[None]:
    """While in use, SIGTERM calls ``tell`` before it ends the process.

    Functions may set the signal as they like. ``writers`` are not interrupted by
    ``tell``: they are in the middle of saying the same.
    """
    mine = os.getpid()
    codes = {writer.__code__ for writer in writers}

    def handle(number: int, frame: Optional[FrameType]) -> None:
        signal.signal(number, signal.SIG_DFL)
        # A child that the function forked has no say here.
        if os.getpid() == mine and not _within(frame, codes):
            with contextlib.suppress(Exception):
                tell()
        os.kill(os.getpid(), number)

    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield  # an earlier function's wish
        return
    with contextlib.suppress(ValueError):  # not in a worker's main thread: a test's
        signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is handle:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _within(frame: Optional[FrameType], codes: set[CodeType]) -> bool:
    while frame is not None:
        if frame.f_code in codes:
            return True
        frame = frame.f_back
    return False
