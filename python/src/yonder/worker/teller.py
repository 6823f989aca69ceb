"""Tells what a worker has finished while it is at a later call of the same run.

Outcomes of quick calls are gathered into few messages. When a slow call follows,
nobody would come by to send them: finished values would wait for it, a cancel of it
would find the manager unaware of which call the worker is at, and its crash would
take them along.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Optional, Protocol

# A call that takes longer than this, and twice as long at most, is a slow one.
PATIENCE_S = 0.01


class Pending(Protocol):
    """Outcomes that are not sent yet. Safe to call beside the thread that runs the calls."""

    def at(self) -> Optional[int]:
        """The task that is run now, None if there is nothing to send."""

    def late(self) -> bool:
        """Whether to send what there is, even though the calls are quick."""

    def tell(self, at: Optional[int]) -> None:
        """Send what there is, if that task is still the one that is run; None: anyway."""


class Teller:
    """Watches one run at a time, in a thread that starts when it is first needed."""

    def __init__(self, patience: float = PATIENCE_S) -> None:
        self.patience = patience
        self.changed = threading.Condition()
        self.pending: Optional[Pending] = None
        self.thread: Optional[threading.Thread] = None

    @contextlib.contextmanager
    def watching(self, pending: Pending) -> Iterator[None]:
        """Look after a run meanwhile."""
        with self.changed:
            self.pending = pending
            if self.thread is None:
                self.thread = threading.Thread(target=self.work, name="yonder-tell", daemon=True)
                self.thread.start()
            self.changed.notify()
        try:
            yield
        finally:
            with self.changed:
                self.pending = None

    def work(self) -> None:
        """Look again and again: a task that is there twice is a slow one."""
        before: Optional[int] = None
        while True:
            with self.changed:
                self.changed.wait(self.patience if self.pending else None)
                pending = self.pending
            at = pending.at() if pending else None
            if pending and at is not None and (at == before or pending.late()):
                with contextlib.suppress(OSError):  # the other thread meets it, too
                    pending.tell(at if at == before else None)
                at = None
            before = at
