"""Futures of tasks: concurrent.futures semantics, and what only a remote call has."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
from collections.abc import Callable, Generator
from concurrent.futures import InvalidStateError
from dataclasses import dataclass
from typing import Any, Optional, Protocol, TypeVar, cast

from yonder.client import ids, live
from yonder.client.http import Transport
from yonder.client.light import LightFuture
from yonder.client.models import Explanation
from yonder.client.waiting import LONG_S
from yonder.errors import Timeout, Unavailable

T = TypeVar("T")

# What the service says of an outcome: the fields of ``wire.ResultEntry``.
Entry = dict[str, Any]


class ResultTimeout(Timeout, concurrent.futures.TimeoutError):
    """No result within the time given; the message says what it waits for."""


class Acceptance(concurrent.futures.Future[None]):
    """Whether the service has a task: from then on nothing can lose it.

    Tasks that travelled together share one. ``result()`` raises why a task
    was not taken; it can be awaited.
    """

    __yonder_stays_here__ = True

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Wait for at most ``timeout`` seconds; True once it is settled, either way."""
        concurrent.futures.wait([self], timeout)
        return self.done()

    def is_set(self) -> bool:
        """True once the service has the task."""
        return self.done() and not self.cancelled() and self.exception() is None

    def when_settled(self, tell: Callable[[bool], None]) -> None:
        """Call back once it is settled, with whether the service has the tasks."""
        self.add_done_callback(lambda _: tell(self.is_set()))

    def settle(self, error: Optional[BaseException] = None) -> None:
        """Tell who waits; the first call counts."""
        try:
            if error is None:
                self.set_result(None)
            else:
                self.set_exception(error)
        except InvalidStateError:
            pass

    def void(self) -> None:
        """Nothing is sent: all of it was cancelled before."""
        if self.cancel():
            self.set_running_or_notify_cancel()

    def __await__(self) -> Generator[Any, None, None]:
        return asyncio.wrap_future(self).__await__()


@dataclass(frozen=True)
class Timings:
    """When a task passed each stage, in microseconds of Unix time, None where unknown.

    ``submitted`` and ``accepted`` (the result) are the service's
    clock, ``started`` and ``finished`` the worker's, ``received`` this machine's.
    """

    submitted: Optional[int] = None
    started: Optional[int] = None
    finished: Optional[int] = None
    accepted: Optional[int] = None
    received: Optional[int] = None


class Origin(Protocol):
    """Where futures come from: what they ask it for. Safe to call from any thread."""

    pid: int
    transport: Transport

    def withdraw(self, future: Future[Any]) -> None:
        """Ask that the cancelled future's tasks be stopped; does not wait for it."""

    def is_running(self, future: Future[Any]) -> bool:
        """Whether a task of the future has started, as the service knows it."""

    def explain(self, future: Future[Any]) -> Explanation:
        """Ask the service why the future has no result, or how it came."""

    def long_wait(self, future: Future[Any]) -> None:
        """Somebody has waited long for the future: say what for."""

    def waits_for(self, future: Future[Any], ask: bool = False) -> str:
        """What the future waits for, as the end of a sentence; ``ask`` may take a request."""


class Keeper(Protocol):
    """Keeps futures until they are done."""

    def drop(self, future: Future[Any]) -> None:
        """The future is done, or was never sent."""


class Future(LightFuture[T]):
    """The result of one task, to come.

    ``accepted`` tells when the service has the task, ``group`` is its task group's
    id. ``cancel()`` cancels this future at once, and asks the service to stop the
    task in the background; a task that runs already is stopped where it runs.
    """

    __yonder_stays_here__ = True

    accepted: Acceptance

    # What most futures have alike belongs to the class: each attribute costs.
    _keeper: Optional[Keeper] = None
    _place: Optional[tuple[str, int]] = None
    _entry: Entry = {}  # noqa: RUF012  # replaced, and never changed
    _received: Optional[int] = None
    _withdrawn = False

    def __init__(self, origin: Origin, group: str = "") -> None:
        self.group = group
        self._origin = origin

    @property
    def task_id(self) -> Optional[str]:
        """The task's id; None until it is sent."""
        return ids.task_id(*self._place) if self._place else None

    @property
    def state(self) -> str:
        """ "succeeded", "failed", "cancelled", or "pending" while there is no outcome here."""
        if not self.done():
            return "pending"
        if self.cancelled():
            return "cancelled"
        return "succeeded" if super().exception(0) is None else "failed"

    @property
    def stdout(self) -> str:
        """The end of what the task wrote to its standard output; empty until it is done."""
        return str(self._entry.get("stdout") or "")

    @property
    def stderr(self) -> str:
        """The end of what the task wrote to its standard error."""
        return str(self._entry.get("stderr") or "")

    @property
    def attempt(self) -> Optional[int]:
        """Number of the attempt that gave the result, counted from 1."""
        return self._entry.get("attempt")

    @property
    def timings(self) -> Timings:
        """When the task passed each stage."""
        stages = ("submitted", "started", "finished", "accepted")
        known = {stage: self._entry.get(f"{stage}_us") for stage in stages}
        return Timings(**known, received=self._received)

    def logs(
        self, follow: bool = False, attempt: Optional[int] = None
    ) -> live.Following[live.Event]:
        """What the task prints: now, or with ``follow`` to its end.

        ``attempt`` asks what it had written in one that was lost and followed by another.

        ``for piece in future.logs(follow=True): print(piece, end="")``; works with
        ``async for``, too. Each piece has ``text``, ``stream`` (stdout or stderr),
        ``attempt`` and ``skipped``, the bytes that were gone before they were read.
        """
        return live.logs(self._origin.transport, live.place(self), follow, attempt)

    def progress(self) -> Optional[live.Progress]:
        """The last that the task has said with ``yonder.progress`` while it runs, or None."""
        return live.latest(live.now(self._origin.transport, live.place(self), ["progress"]))

    def on_progress(self, callback: Callable[[live.Progress], object]) -> None:
        """Call back, on a thread of its own, whenever the task says how far it is.

        With a bar of tqdm: ``future.on_progress(lambda p: bar.update(p.done - bar.n))``.
        """
        following = live.events(self._origin.transport, live.place(self), ["progress"])
        live.call_back(following, callback)

    def stream(self, restart: bool = False) -> live.Following[Any]:
        """The values that the function yields, as they come, each once and in order.

        What cannot be had live comes from the result, the list of all of them.
        If another attempt begins after values were read, StreamRestarted is
        raised; with ``restart`` its values follow, from the first one on. Works
        with ``async for``, too.
        """
        following = live.events(self._origin.transport, live.place(self), ["values"])
        return live.Following(iter(live.Values(self, following, restart)), following.close)

    def result(self, timeout: Optional[float] = None) -> T:
        """The task's value, or its exception raised; waits ``timeout`` seconds at most."""
        if self._state == "FINISHED" and self._exception is None:
            return cast("T", self._result)
        self._check_process()
        try:
            return super().result(self._long_wait(timeout))
        except concurrent.futures.TimeoutError as error:
            if error is self._exception:  # the task's own
                raise
            raise self._too_late(timeout) from None

    def exception(self, timeout: Optional[float] = None) -> Optional[BaseException]:
        """The task's exception, or None; waits ``timeout`` seconds at most."""
        self._check_process()
        try:
            return super().exception(self._long_wait(timeout))
        except concurrent.futures.TimeoutError:
            raise self._too_late(timeout) from None

    def running(self) -> bool:
        """Whether a worker runs the task now.

        Asks the service, at most twice a second for all tasks of a group; what
        began is known there about a second later. False while that cannot be told.
        """
        return not self.done() and self._place is not None and self._origin.is_running(self)

    def cancel(self) -> bool:
        """Cancel; False when there is a result already."""
        if not self.abandon():
            return False
        with self._condition:
            first, self._withdrawn = not self._withdrawn, True
        if first:
            self._origin.withdraw(self)
        return True

    def abandon(self) -> bool:
        """Cancel this future alone: the task may go on."""
        if not super().cancel():
            return False
        with self._condition:
            if self._state == "CANCELLED":  # nobody has told those who wait yet
                self.set_running_or_notify_cancel()
        return True

    def _invoke_callbacks(self) -> None:
        if self._keeper is not None:
            self._keeper.drop(self)
        super()._invoke_callbacks()

    def fail(self, error: BaseException) -> None:
        """End it with an error, unless it has ended."""
        with contextlib.suppress(InvalidStateError):
            self.set_exception(error)

    def _long_wait(self, timeout: Optional[float]) -> Optional[float]:
        """Wait for a while; if that was not enough, say what for. Returns what is left."""
        if self.done() or (timeout is not None and timeout <= LONG_S):
            return timeout
        with self._condition:
            if not self.done():
                self._condition.wait(LONG_S)
        if not self.done():
            self._origin.long_wait(self)
        return None if timeout is None else timeout - LONG_S

    def explain(self) -> Explanation:
        """Why there is no result yet, or how it came; asks the service."""
        return self._origin.explain(self)

    def _too_late(self, timeout: Optional[float]) -> ResultTimeout:
        # Who asks with a timeout near nothing asks often.
        reason = self._origin.waits_for(self, ask=timeout is not None and timeout >= 1)
        return ResultTimeout(f"no result within {timeout} s: {reason}")

    def _check_process(self) -> None:
        if not self.done() and self._origin.pid != os.getpid():
            raise Unavailable(
                f"this future belongs to process {self._origin.pid}, which this one was forked "
                "from: wait for it there, or attach to the task's group here"
            )

    def __await__(self) -> Generator[Any, None, T]:
        return asyncio.wrap_future(self).__await__()
