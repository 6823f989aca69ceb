"""Futures that cost little until somebody waits for them.

The constructor of ``concurrent.futures.Future`` makes a condition with its lock, its queue
and the methods it takes from the lock, and two lists: a dozen objects, which take longer
to make and to collect than a small call takes otherwise. Most futures are asked for
after they are done, and need none of it. Here each is made when it is first asked for,
by us or by ``wait``, ``as_completed`` and the base's own methods; from then on the future
is an ordinary one.
"""

from __future__ import annotations

import concurrent.futures
import logging
import os
import threading
from collections.abc import Callable
from typing import Any, Generic, Optional, TypeVar

T = TypeVar("T")

log = logging.getLogger("yonder.client")

_PENDING, _FINISHED = "PENDING", "FINISHED"
_DONE = ("CANCELLED", "CANCELLED_AND_NOTIFIED", _FINISHED)

# Held for a few instructions, in which no other lock is taken: a future's condition is
# made, or the future ends without one. Reentrant, because collecting garbage may end a
# map anywhere, whose futures are then cancelled.
_guard = threading.RLock()


def _renew() -> None:
    """In a child process: the thread that held the guard is not there."""
    global _guard
    _guard = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


class _Made(Generic[T]):
    """An attribute that is made when it is first asked for, and then the instance's own."""

    def __init__(self, make: Callable[[], T], watched: bool = False) -> None:
        self._make = make
        self._watched = watched

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, future: Any, owner: Optional[type] = None) -> T:
        made = self._make()
        with _guard:
            if self._watched:
                future._watched = True
            found: T = vars(future).setdefault(self._name, made)
            return found


class LightFuture(concurrent.futures.Future[T]):
    """A future whose condition is made when it is needed.

    While it has none (``_watched`` is false) nobody can hold it, so that the guard is
    enough to end the future; once there is one, the base's methods do everything.
    """

    _state: str = _PENDING
    _result: Optional[T] = None
    _exception: Optional[BaseException] = None
    _watched = False
    _called = False  # whether there are callbacks
    _condition = _Made(threading.Condition, watched=True)
    _waiters: _Made[list[Any]] = _Made(list)
    _done_callbacks: _Made[list[Callable[[Any], object]]] = _Made(list)

    def __init__(self) -> None:
        """Nothing: the base would make what most never need."""

    def done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._state in _DONE

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._state in _DONE and self._state != _FINISHED

    def set_result(self, result: T) -> None:
        """End it with a value; raises InvalidStateError if it has ended."""
        if self._end(result, None):
            self._invoke_callbacks()
        else:
            super().set_result(result)

    def set_exception(self, exception: Optional[BaseException]) -> None:
        """End it with an exception; raises InvalidStateError if it has ended."""
        if self._end(None, exception):
            self._invoke_callbacks()
        else:
            super().set_exception(exception)

    def _end(self, result: Optional[T], exception: Optional[BaseException]) -> bool:
        """End it if nobody has its condition; False if that is the base's business."""
        with _guard:
            if self._watched or self._state != _PENDING:
                return False
            self._result = result
            self._exception = exception
            self._state = _FINISHED
        return True

    def add_done_callback(self, fn: Callable[[Any], object]) -> None:
        """Call ``fn`` with the future once it is done; at once if it is."""
        with _guard:
            self._called = True
            if not self._watched and self._state == _PENDING:
                self._done_callbacks.append(fn)
                return
        super().add_done_callback(fn)

    def _invoke_callbacks(self) -> None:
        if self._called:
            super()._invoke_callbacks()  # type: ignore[misc]  # not in its stub
