"""What a running function can ask about itself.

The worker fills this in; everywhere else there is no current task. A worker
runs one task at a time, so this is one object for the process: threads that a
function starts see it too.
"""

from __future__ import annotations

from typing import Optional

__all__ = ["CurrentTask", "current_task"]


class CurrentTask:
    """The task that runs now."""

    __slots__ = ("_bundle", "attempt", "index")

    def __init__(self, bundle: str, index: int, attempt: int) -> None:
        self._bundle = bundle
        self.index = index
        self.attempt = attempt

    @property
    def id(self) -> str:
        """The task's id: its bundle's id with the index in the low 16 bits."""
        return f"{self._bundle[:-4]}{self.index:04x}"

    def __repr__(self) -> str:
        return f"<task {self.id}, attempt {self.attempt}>"


_current: Optional[CurrentTask] = None


def current_task() -> Optional[CurrentTask]:
    """The task this code runs for, or ``None`` outside a worker."""
    return _current


def set_current_task(task: Optional[CurrentTask]) -> None:
    """Called by the worker around a run."""
    global _current
    _current = task
