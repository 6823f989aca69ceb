"""Values of a generator on their way to those who follow the task.

They travel besides the result, which has all of them: what nobody reads in
time is lost here and nowhere else.
"""

from __future__ import annotations

import contextlib
import threading
from time import monotonic

from yonder import wire

# A value goes out at once if none did for so long; others wait that long for
# company, or a function that yields a million would write a million messages.
PAUSE = 0.02
# What waits goes out when it has so many bytes. A larger value comes only
# with the result.
FULL = 256 << 10


class Yields:
    """Sends the values of one task."""

    def __init__(self, stream: wire.Stream, run: int, index: int) -> None:
        self.stream = stream
        self.run = run
        self.index = index
        self.lock = threading.Lock()
        self.waiting: list[bytes] = []
        self.size = 0
        self.first = 0  # number of the first that waits
        self.sent = -PAUSE
        self.timed = False

    def add(self, payload: bytes) -> None:
        """Take the next value."""
        with self.lock:
            if len(payload) > FULL:
                self.send()
                self.first += 1
                return
            self.waiting.append(payload)
            self.size += len(payload)
            if self.size >= FULL or monotonic() - self.sent >= PAUSE:
                self.send()
            elif not self.timed:
                self.timed = True
                timer = threading.Timer(PAUSE, self.flush)
                timer.daemon = True
                timer.start()

    def flush(self) -> None:
        """Send what waits; the timer does, and the end."""
        with self.lock:
            self.timed = False
            self.send()

    def send(self) -> None:
        if not self.waiting:
            return
        values, first = self.waiting, self.first
        self.waiting, self.size = [], 0
        self.first, self.sent = first + len(values), monotonic()
        header = {"run": self.run, "index": self.index, "first": first}
        with contextlib.suppress(ConnectionError):  # the report will find that out, too
            self.stream.send(wire.Kind.YIELD, header, values)
