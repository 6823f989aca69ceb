"""The executor: what concurrent.futures offers, on an endpoint."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, Callable, Optional, TypeVar, Union

from yonder.client import chunks, forking, ids, packing
from yonder.client.client import Client
from yonder.client.draft import Options
from yonder.client.engine import Engine
from yonder.client.functions import Callee, FunctionRef
from yonder.client.future import Future
from yonder.client.models import Endpoint, Function
from yonder.client.sinks import Chunk
from yonder.errors import NotFound, Timeout, TooLarge, Unavailable

T = TypeVar("T")


class Executor(concurrent.futures.Executor):
    """Runs calls on an endpoint.

    ``endpoint`` is an id, a name or an Endpoint; without one it is the only
    online endpoint that you own. All tasks are in one task group: ``group`` joins
    an existing one, and ``Executor.attach(executor.group)`` gets its futures
    anywhere else. ``walltime`` bounds each task's run and ``give_up_after`` the time
    until its result, in seconds; ``max_attempts`` says how often a task that was
    lost is tried; ``python`` asks for a minor version like "3.11".

    ``retention`` asks for results to be kept so many seconds after they came; it
    is the group's, and only ever grows. Where the service or this client has no room
    for more tasks, ``when_full="wait"`` makes ``submit`` slow down, with a warning that
    says why, and ``"raise"`` fails the call with LimitReached at once.

    Raises NotFound or InvalidRequest, which name the choices, if there is no such
    endpoint, and Unavailable if the service cannot be reached.
    """

    __yonder_stays_here__ = True

    def __init__(
        self,
        endpoint: Union[str, Endpoint, None] = None,
        client: Optional[Client] = None,
        *,
        group: Optional[str] = None,
        label: Optional[str] = None,
        priority: int = 0,
        max_attempts: Optional[int] = None,
        walltime: Optional[float] = None,
        give_up_after: Optional[float] = None,
        python: Optional[str] = None,
        retention: Optional[float] = None,
        when_full: str = "wait",
    ) -> None:
        self.client = client or Client.default()
        engine = self.client.engine  # first of all: whether the service can be used
        self.endpoint = self.client.choose_endpoint(endpoint)
        self.group = ids.check_id(group) if group else ids.new_id()
        self._own_group = group is None
        self._options = Options(
            self.endpoint.id,
            self.group,
            label,
            priority,
            max_attempts,
            walltime,
            give_up_after,
            python,
            retention,
            when_full,
        ).checked()
        self._prepare_group(engine, label)
        self._shut = False
        self._live: set[Future[Any]] = set()
        self._idle = threading.Condition()
        forking.watch(self)

    def _prepare_group(self, engine: Engine, label: Optional[str]) -> None:
        """Name a new group, or skip the results that an existing one has."""
        if self._own_group and label:
            self.client.create_group(label, self.group)
        elif not self._own_group:
            try:
                cursor = self.client.group(self.group).cursor
            except NotFound:
                return  # it comes to be with the first bundle
            engine.inbox.join(self.group, cursor)

    def after_fork(self) -> None:
        """In a child process: its parent waits for what was submitted before."""
        self._live = set()
        self._idle = threading.Condition()

    # -- submitting ------------------------------------------------------

    def submit(  # also for functions that are registered
        self, fn: Union[Callable[..., T], Function, str], /, *args: Any, **kwargs: Any
    ) -> Future[T]:
        """Run ``fn(*args, **kwargs)`` there. ``fn`` may be a registered function or its id.

        Returns at once, unless too much is waiting to be sent. Raises PackError or
        CaptureError if the call cannot travel; other errors are the future's.
        """
        engine = self.client.engine
        terms, payload = packing.pack_call(self._ref(fn), self._options, args, kwargs)
        future: Future[T] = Future(engine)
        self._track(future)
        try:
            engine.submit(terms, future, payload)
        except BaseException:
            self._forget(future)
            raise
        return future

    def map(
        self,
        fn: Union[Callable[..., T], Function, str],
        *iterables: Iterable[Any],
        timeout: Optional[float] = None,
        chunksize: Optional[int] = None,
    ) -> Iterator[T]:
        """Run ``fn`` for each set of arguments; values in the order of the arguments.

        All calls are submitted now. ``chunksize`` calls travel as one bundle;
        without it that is worked out from the endpoint's slots. The iterator
        raises a call's exception at its place, and a TimeoutError if a value is
        not there ``timeout`` seconds after this call.
        """
        if chunksize is not None and chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        end = None if timeout is None else time.monotonic() + timeout
        calls = list(zip(*iterables))
        size = self._chunk_size(len(calls), chunksize)
        parts: list[chunks.Part] = []
        try:
            for at in range(0, len(calls), size):
                self._submit_part(fn, calls[at : at + size], parts)
        except BaseException:
            for part in parts:
                part.cancel()
            raise
        return chunks.results(parts, end)

    def _chunk_size(self, calls: int, chunksize: Optional[int]) -> int:
        most = self.client.engine.limits.bundle_tasks
        if chunksize is not None:
            return min(chunksize, most)
        if calls < 2:
            return 1
        try:
            status = self.client.endpoint(self.endpoint.id).status
        except (Unavailable, Timeout):
            status = self.endpoint.status  # what it was will do
        return chunks.size_for(calls, status.slots if status else 0, most)

    def _submit_part(
        self, fn: Callee, calls: list[tuple[Any, ...]], parts: list[chunks.Part]
    ) -> None:
        """Submit calls as one chunk, or as several if they take too many bytes."""
        if len(calls) == 1:
            parts.append(self.submit(fn, *calls[0]))
            return
        engine = self.client.engine
        terms, payload = packing.pack_chunk(self._ref(fn), self._options, calls)
        try:
            engine.check_size(payload)
        except TooLarge:
            middle = len(calls) // 2
            self._submit_part(fn, calls[:middle], parts)
            self._submit_part(fn, calls[middle:], parts)
            return
        chunk = Chunk(engine, len(calls))
        self._track(chunk)
        try:
            engine.submit_chunk(terms, chunk, payload)
        except BaseException:
            self._forget(chunk)
            raise
        parts.append(chunk)

    def _ref(self, fn: Callee) -> FunctionRef:
        return self.client.engine.functions.ref(fn)

    def _track(self, future: Future[Any]) -> None:
        with self._idle:
            if self._shut:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._live.add(future)
        future.add_done_callback(self._forget)

    def _forget(self, future: concurrent.futures.Future[Any]) -> None:
        with self._idle:
            self._live.discard(future)
            if not self._live:
                self._idle.notify_all()

    # -- the end ---------------------------------------------------------

    def flush(self, timeout: Optional[float] = None) -> bool:
        """Wait until the service has all that was submitted; False if that took too long."""
        with self._idle:
            waiting = {future.accepted for future in self._live if hasattr(future, "accepted")}
        return not concurrent.futures.wait(waiting, timeout).not_done

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with ``wait``, wait until all have their results.

        ``cancel_futures`` cancels all that have none, running ones too. Without
        ``wait``, results still come, and what is not sent yet is sent before the
        interpreter ends.
        """
        with self._idle:
            self._shut = True
            live = list(self._live)
        if cancel_futures:
            self._cancel(live)
        if wait:
            with self._idle:
                while self._live:
                    self._idle.wait()
            concurrent.futures.wait({future.accepted for future in live})
            self.client.engine.withdrawals.flush()
            self.client.engine.stream.leave(self.group)

    def _cancel(self, futures: list[Future[Any]]) -> None:
        if not self._own_group:  # others may have tasks in it
            for future in futures:
                future.cancel()
            return
        sent = [future for future in futures if future.abandon() and future.task_id]
        for accepted in {future.accepted for future in sent}:
            accepted.when_settled(self._stop_group)

    def _stop_group(self, accepted: bool) -> None:
        if accepted:
            self.client.engine.withdrawals.group(self.group)

    @staticmethod
    def attach(group: str, client: Optional[Client] = None) -> list[Future[Any]]:
        """Futures for all tasks of a group, from wherever they were submitted."""
        return (client or Client.default()).group(group).futures()
