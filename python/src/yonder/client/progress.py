"""Progress bars: how many calls of a map, or which of some futures, are done.

tqdm draws them, in a terminal or in a notebook; without it there is a line that counts.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, Optional, TypeVar

F = TypeVar("F", bound="concurrent.futures.Future[Any]")

# What takes less time than this has no bar, unless one was asked for.
DELAY_S = 1.5
# How often a plain line is written anew: each time is a write.
REDRAW_S = 0.2


class Tally:
    """Counts what is done, from any thread; draws it while ``shown``."""

    def __init__(self, total: Optional[int], name: str = "", unit: str = "call") -> None:
        self._total = total
        self._name = name
        self._unit = unit
        self._lock = threading.Lock()
        self._done = 0
        self._bar: Any = None

    def add(self, count: int = 1) -> None:
        """So many more are done."""
        with self._lock:
            self._done += count
            if self._bar is not None:
                self._bar.update(count)

    @contextlib.contextmanager
    def shown(self, progress: Optional[bool]) -> Iterator[None]:
        """Draw a bar meanwhile: True always, False never, None if somebody may see it."""
        if progress is False or (progress is None and not _seen()):
            yield
            return
        with _bar(self._total, self._name, self._unit, 0.0 if progress else DELAY_S) as bar:
            with self._lock:
                self._bar = bar
                bar.update(self._done)
            try:
                yield
            finally:
                with self._lock:
                    self._bar = None


def as_completed(
    futures: Iterable[F], timeout: Optional[float] = None, *, progress: Optional[bool] = None
) -> Iterator[F]:
    """``concurrent.futures.as_completed`` with a progress bar.

    ``progress`` True shows one, False none, None shows one in a terminal or a
    notebook once it has taken more than a second. Raises a TimeoutError when not
    all are done within ``timeout`` seconds.
    """
    waited = list(futures)
    tally = Tally(len(set(waited)), unit="task")
    with tally.shown(progress):
        for future in concurrent.futures.as_completed(waited, timeout):
            tally.add()
            yield future  # type: ignore[misc]  # the stubs lose the class, it is one of ours


def _seen() -> bool:
    """Whether a bar has somebody to see it: a terminal, or a notebook."""
    return _in_notebook() or bool(getattr(sys.stderr, "isatty", lambda: False)())


def _in_notebook() -> bool:
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and getattr(shell, "kernel", None) is not None


class _Line:
    """What there is without tqdm: a line that says how many are done."""

    def __init__(self, total: Optional[int], name: str, unit: str, delay: float) -> None:
        self._name = f"{name}: " if name else ""
        self._of = "" if total is None else f"/{total}"
        self._unit = unit
        self._done = 0
        self._next = time.monotonic() + delay if delay else 0.0
        self._drawn = False

    def update(self, count: int) -> None:
        self._done += count
        if time.monotonic() >= self._next:
            self._draw()

    def _draw(self) -> None:
        self._next, self._drawn = time.monotonic() + REDRAW_S, True
        print(f"\r{self._name}{self._done}{self._of} {self._unit}s", end="", file=sys.stderr)
        sys.stderr.flush()

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            self._draw()
            print(file=sys.stderr)


def _bar(total: Optional[int], name: str, unit: str, delay: float) -> Any:
    """A bar of tqdm, or a plain line where there is no tqdm."""
    try:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a notebook without widgets has text bars
            from tqdm.auto import tqdm  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return _Line(total, name, unit, delay)
    return tqdm(total=total, desc=name or None, unit=unit, delay=delay, dynamic_ncols=True)
