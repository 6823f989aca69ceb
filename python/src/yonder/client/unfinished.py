"""The futures of an executor that have no outcome yet."""

from __future__ import annotations

import threading
import time
from typing import Any, Optional

from yonder.client.future import Future


class Unfinished:
    """Futures until they are done, and what shuts new ones out. Safe for any number of threads."""

    def __init__(self) -> None:
        # Reentrant: collecting garbage may end a map here, whose futures are then dropped.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._futures: set[Future[Any]] = set()
        self._shut = False

    def add(self, future: Future[Any]) -> None:
        """Take a future in; raises RuntimeError after ``shut``."""
        with self._lock:
            if self._shut:
                raise RuntimeError("cannot schedule new futures after shutdown")
            # First: who is shut down right after this is to find whom to tell.
            future._keeper = self
            self._futures.add(future)

    def drop(self, future: Future[Any]) -> None:
        """The future is done, or was never sent."""
        with self._lock:
            self._futures.discard(future)
            if not self._futures:
                self._changed.notify_all()

    def all(self) -> list[Future[Any]]:
        """Those that are not done now."""
        with self._changed:
            return list(self._futures)

    def shut(self) -> list[Future[Any]]:
        """Take nothing more in. Returns those that are not done."""
        with self._changed:
            self._shut = True
        return self.all()

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Wait until all are done; False if that took longer than ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._futures, timeout)

    def wait_accepted(self, timeout: Optional[float] = None) -> bool:
        """Wait until the service has all of them, or has refused them."""
        end = None if timeout is None else time.monotonic() + timeout
        for accepted in {getattr(future, "accepted", None) for future in self.all()}:
            left = None if end is None else max(0.0, end - time.monotonic())
            if accepted is not None and not accepted.wait(left):
                return False
        return True
