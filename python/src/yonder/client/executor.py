"""The executor: what concurrent.futures offers, on an endpoint."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Callable, Optional, TypeVar, Union

from yonder.client import chunks, endpoints, forking, ids, options, packing
from yonder.client.border import border
from yonder.client.calls import Calls, Source
from yonder.client.client import Client
from yonder.client.draft import Options
from yonder.client.engine import Engine
from yonder.client.functions import Callee, FunctionRef
from yonder.client.future import Future
from yonder.client.models import Endpoint, Function, Retry
from yonder.client.progress import Tally
from yonder.client.sinks import Chunk
from yonder.client.unfinished import Unfinished
from yonder.errors import InvalidRequest, NotFound, OfflineWarning, Timeout, TooLarge, Unavailable
from yonder.warning import warn

T = TypeVar("T")

# Calls of a map that are read to find out how many there are. Of more than these, chunks
# are as large as they may be.
KNOWN = 1 << 20


class Executor(concurrent.futures.Executor):
    """Runs calls on an endpoint.

    ``endpoint`` is an id, a name or an Endpoint; without one it is that of the variable
    ``YONDER_ENDPOINT``, else the only online endpoint that you own. All tasks are in one
    task group: ``group`` joins an existing one, and ``Executor.attach(executor.group)``
    gets its futures anywhere else. ``walltime`` bounds each task's run and
    ``give_up_after`` the time until its result, in seconds; ``max_attempts`` says how
    often a task that was lost is tried, and ``retry`` after which causes and when;
    ``python`` asks for a minor version like "3.11"; ``fresh`` runs calls that a memo
    could answer.

    ``retention`` asks for results to be kept so many seconds after they came; it
    is the group's, and only ever grows. Where the service or this client has no room
    for more tasks, ``when_full="wait"`` makes ``submit`` slow down, with a warning that
    says why, and ``"raise"`` fails the call with LimitReached at once.

    Raises NotFound or InvalidRequest, which name the choices, if there is no such
    endpoint, and Unavailable if the service cannot be reached. Warns with an
    OfflineWarning if the endpoint is offline: its tasks wait.
    """

    __yonder_stays_here__ = True

    @border
    @options.named("Executor()")
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
        retry: Optional[Retry] = None,
        fresh: bool = False,
    ) -> None:
        if client is not None and not isinstance(client, Client):
            raise InvalidRequest(f"client={client!r} is no yonder.Client", field="client")
        self.client = client or Client.default()
        engine = self.client.engine  # first of all: whether the service can be used
        self.endpoint = self.client.choose_endpoint(endpoint)
        if not self.endpoint.online and not isinstance(endpoint, Endpoint):
            warn(endpoints.offline(self.endpoint), OfflineWarning)
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
            retry,
            fresh,
        ).checked()
        engine.inbox.names[self.endpoint.id] = self.endpoint.name
        self._prepare_group(engine, label)
        self._unfinished = Unfinished()
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

    def __repr__(self) -> str:
        return f"<Executor: endpoint {self.endpoint.name!r}, group {self.group}>"

    def after_fork(self) -> None:
        """In a child process: its parent waits for what was submitted before."""
        self._unfinished = Unfinished()

    # -- submitting ------------------------------------------------------

    @border
    def submit(  # also for functions that are registered
        self, fn: Union[Callable[..., T], Function, str], /, *args: Any, **kwargs: Any
    ) -> Future[T]:
        """Run ``fn(*args, **kwargs)`` there.

        ``fn`` may also be a registered function, its id, or its name. A local function
        is sent along, and leaves alone what its name means at the service. Returns at
        once, unless too much is waiting to be sent. Raises PackError or CaptureError
        if the call cannot travel, NotFound or InvalidRequest for a name that is not
        one function's; other errors are the future's.
        """
        engine = self.client.engine
        terms, payload = packing.pack_call(self._ref(fn), self._options, args, kwargs)
        future: Future[T] = Future(engine, self.group)
        self._unfinished.add(future)
        try:
            engine.submit(terms, future, payload)
        except BaseException:
            self._unfinished.drop(future)
            raise
        return future

    def submit_batch(
        self, fn: Union[Callable[..., T], Function, str], calls: Iterable[Iterable[Any]]
    ) -> list[Future[T]]:
        """Run ``fn(*args)`` for each ``args`` of ``calls``: a future for each, in their order.

        Like ``submit`` in a loop, which packs what comes while a request is under way
        into the next one; if one call cannot travel, none is run.
        """
        futures: list[Future[T]] = []
        try:
            for args in calls:
                futures.append(self.submit(fn, *args))
        except BaseException:
            for future in futures:
                future.cancel()
            raise
        return futures

    @border
    @options.named("map()")
    def map(
        self,
        fn: Union[Callable[..., T], Function, str],
        *iterables: Iterable[Any],
        timeout: Optional[float] = None,
        chunksize: Optional[int] = None,
        buffersize: Optional[int] = None,
        progress: Optional[bool] = None,
        return_exceptions: bool = False,
    ) -> Iterator[T]:
        """Run ``fn`` for each set of arguments; values in the order of the arguments.

        All calls are submitted now; with ``buffersize`` about that many are under way,
        and the iterables, which may be endless, are read on as values are taken.
        ``chunksize`` calls travel as one bundle; without it that is worked out from
        the endpoint's slots. The iterator raises a call's exception at its place
        (``return_exceptions`` puts it there as a value), and a TimeoutError if a value
        is not there ``timeout`` seconds after this call. When it ends early, or is
        dropped after its first value, the calls that are left are cancelled.

        ``progress`` shows a bar while values are waited for: True always, False never,
        None in a terminal or notebook once it takes more than a second.
        """
        terms = chunks.terms(timeout, return_exceptions, progress)
        parts, tally = self._start_map(fn, iterables, chunksize, buffersize)
        return chunks.results(parts, terms, tally)

    def _start_map(
        self,
        fn: Callee,
        iterables: tuple[Iterable[Any], ...],
        chunksize: Optional[int],
        buffersize: Optional[int],
    ) -> tuple[chunks.Parts, Tally]:
        """Submit the calls of a map, or the first ones."""
        if chunksize is not None and chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        if buffersize is not None and buffersize < 1:
            raise ValueError("buffersize must be >= 1.")
        source = Source(iterables)
        if buffersize is None:
            source.known(KNOWN)
        size = self._chunk_size(source.total if buffersize is None else buffersize, chunksize)
        tally = Tally(source.total, getattr(fn, "__name__", ""))
        parts = chunks.Parts(
            lambda: self._submit_part(fn, source.take(size), tally),
            buffersize and max(1, buffersize // size),
        )
        return parts, tally

    def _chunk_size(self, calls: Optional[int], chunksize: Optional[int]) -> int:
        most = self.client.engine.limits.bundle_tasks
        if chunksize is not None:
            return min(chunksize, most)
        if calls is None:
            return most
        if calls < 2:
            return 1
        try:
            status = self.client.endpoint(self.endpoint.id).status
        except (Unavailable, Timeout):
            status = self.endpoint.status  # what it was will do
        return chunks.size_for(calls, status.slots if status else 0, most)

    def _submit_part(self, fn: Callee, calls: Calls, tally: Tally) -> list[chunks.Part]:
        """Submit calls as one chunk, or as several if they take too many bytes.

        A memo knows no chunks: what it may answer goes call by call.
        """
        if len(calls) < 2 or self._ref(fn).memo:
            futures = [self.submit(fn, *row) for row in calls.rows()]
            for future in futures:
                future.add_done_callback(lambda _: tally.add())
            return list(futures)
        engine = self.client.engine
        terms, payload = packing.pack_chunk(self._ref(fn), self._options, calls)
        try:
            engine.check_size(payload)
        except TooLarge:
            first, second = calls.halves()
            return self._submit_part(fn, first, tally) + self._submit_part(fn, second, tally)
        chunk = Chunk(engine, len(calls), self.group)
        chunk.tell = tally.add
        self._unfinished.add(chunk)
        try:
            engine.submit_chunk(terms, chunk, payload)
        except BaseException:
            self._unfinished.drop(chunk)
            raise
        return [chunk]

    def _ref(self, fn: Callee) -> FunctionRef:
        if isinstance(fn, str) and not ids.is_id(fn):
            fn = self.client.function_named(fn)
        return self.client.engine.functions.ref(fn)

    # -- the end ---------------------------------------------------------

    def flush(self, timeout: Optional[float] = None) -> bool:
        """Wait until the service has all that was submitted; False if that took too long."""
        return self._unfinished.wait_accepted(timeout)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with ``wait``, wait until all have their results.

        ``cancel_futures`` cancels those that no worker has begun. Without ``wait``,
        results still come, and what is not sent yet is sent before the interpreter
        ends.
        """
        live = self._unfinished.shut()
        if cancel_futures:
            self._cancel(live)
        if wait:
            self._unfinished.wait()
            for future in live:
                future.accepted.wait()
            self.client.engine.withdrawals.flush()
            self.client.engine.stream.leave(self.group)

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> Optional[bool]:
        """Wait until all calls have their results; when interrupted, leave them to the service."""
        if kind is None or not issubclass(kind, KeyboardInterrupt):
            return super().__exit__(kind, error, trace)
        live = self._unfinished.all()
        self.shutdown(wait=False)
        if live:
            warn(
                f"interrupted; calls without a result go on ({len(live)}): "
                f"yonder.Executor.attach('{self.group}') has their futures, "
                f"`yonder group cancel {self.group}` stops them",
                RuntimeWarning,
            )
        return None

    def _cancel(self, futures: list[Future[Any]]) -> None:
        """Cancel what has not begun. One request stops all of them, if they are all there is."""
        idle = [future for future in futures if not future.running()]
        if not self._own_group or len(idle) < len(futures):
            for future in idle:
                future.cancel()
            return
        sent = [future for future in idle if future.abandon() and future.task_id]
        for accepted in {future.accepted for future in sent}:
            accepted.when_settled(self._stop_group)

    def _stop_group(self, accepted: bool) -> None:
        if accepted:
            self.client.engine.withdrawals.group(self.group)

    @staticmethod
    def attach(group: str, client: Optional[Client] = None) -> list[Future[Any]]:
        """Futures for all tasks of a group, from wherever they were submitted."""
        return (client or Client.default()).group(group).futures()
