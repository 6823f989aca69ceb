"""Progress bars: how many calls of a map, or which of some futures, are done.

tqdm draws them, in a terminal or in a notebook; it is optional.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Optional, TypeVar

F = TypeVar("F", bound="concurrent.futures.Future[Any]")

# What takes less time than this has no bar, unless one was asked for.
DELAY_S = 1.5


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
        bar = _bar(self._total, self._name, self._unit, 0.0 if progress else DELAY_S, progress)
        if bar is None:
            yield
            return
        with bar:
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


def _bar(total: Optional[int], name: str, unit: str, delay: float, asked: Optional[bool]) -> Any:
    """A bar of tqdm; None where there is no tqdm and nobody insists on it."""
    try:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a notebook without widgets has text bars
            from tqdm.auto import tqdm  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        if not asked:
            return None
        raise ImportError(
            "progress=True needs tqdm: pip install 'yonder[progress]', or leave progress out"
        ) from error
    return tqdm(total=total, desc=name or None, unit=unit, delay=delay, dynamic_ncols=True)
