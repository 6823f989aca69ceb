"""After a fork: the child has the parent's objects, but none of its threads."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """Something with locks, threads or connections of its own."""

    def after_fork(self) -> None:
        """Become usable in the child, where no other thread runs yet."""


_watched: weakref.WeakSet[Forkable] = weakref.WeakSet()


def watch(one: Forkable) -> None:
    """Call ``one.after_fork()`` in every child process from now on."""
    _watched.add(one)


def _after_fork() -> None:
    for one in list(_watched):
        one.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
