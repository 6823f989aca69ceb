"""A few threads for what must not hold up the others: uploads, downloads, cancels."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Callable

_here = threading.local()

log = logging.getLogger("yonder.client")


def inside() -> bool:
    """Whether this thread is one of a crew."""
    return getattr(_here, "inside", False)


class Crew:
    """Runs jobs in at most ``size`` threads, which are started when they are needed.

    The threads are daemons and end when nothing was to be done for ``idle`` seconds.
    """

    def __init__(self, name: str, size: int = 4, idle: float = 30.0) -> None:
        self.name = name
        self.size = size
        self.idle = idle
        self._jobs: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._threads = 0
        self._free = 0

    def run(self, job: Callable[[], None]) -> None:
        """Run the job soon. It handles its own errors: what it raises is only logged."""
        with self._changed:
            self._jobs.append(job)
            if self._free >= len(self._jobs):
                self._changed.notify()
            elif self._threads < self.size:
                self._threads += 1
                threading.Thread(target=self._work, name=self.name, daemon=True).start()

    def _work(self) -> None:
        _here.inside = True
        while True:
            with self._changed:
                self._free += 1
                some = self._changed.wait_for(lambda: bool(self._jobs), self.idle)
                self._free -= 1
                if not some:
                    self._threads -= 1
                    return
                job = self._jobs.popleft()
            try:
                job()
            except Exception:
                log.exception("a job of %s failed", self.name)
            del job  # or it keeps what it refers to until there is another
