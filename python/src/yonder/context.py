"""What a running function can ask about itself, and say.

The worker fills this in; everywhere else there is no current task. A worker
runs one task at a time, so this is one object for the process: threads that a
function starts see it too.
"""

from __future__ import annotations

from typing import Any, Optional

__all__ = ["CurrentTask", "current_task", "progress"]


class CurrentTask:
    """The task that runs now."""

    __slots__ = ("_board", "_bundle", "_index", "attempt")

    def __init__(self, bundle: str, index: int, attempt: int, board: Any = None) -> None:
        self._bundle = bundle
        self._board = board
        self._index = index
        self.attempt = attempt

    @property
    def index(self) -> int:
        """The task's number in its bundle, from 0."""
        return self._index if self._board is None else int(self._board.where[1])

    @property
    def id(self) -> str:
        """The task's id: its bundle's id with the index in the low 16 bits."""
        return f"{self._bundle[:-4]}{self.index:04x}"

    def progress(self, done: float, total: Optional[float] = None, message: str = "") -> None:
        """See the function of this name."""
        if self._board is not None:
            self._board.progress(done, total, message)

    def __repr__(self) -> str:
        return f"<task {self.id}, attempt {self.attempt}>"


_current: Optional[CurrentTask] = None


def current_task() -> Optional[CurrentTask]:
    """The task this code runs for, or ``None`` outside a worker."""
    return _current


def progress(done: float, total: Optional[float] = None, message: str = "") -> None:
    """Say how far the running task is: ``done`` of ``total``, in whatever unit.

    Only the last word is kept, until somebody asks, so call it as often as you
    like: a call takes about a microsecond. ``message`` is cut to 400 bytes.
    Outside a worker it does nothing.
    """
    if _current is not None:
        _current.progress(done, total, message)


def set_current_task(task: Optional[CurrentTask]) -> None:
    """Called by the worker around a run."""
    global _current
    _current = task
