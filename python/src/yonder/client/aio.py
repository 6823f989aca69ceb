"""The executor for asyncio: the same futures, which can be awaited."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Any, Callable, Optional, TypeVar, Union

from yonder.client import chunks
from yonder.client.client import Client
from yonder.client.executor import Executor
from yonder.client.future import Future, ResultTimeout
from yonder.client.models import Endpoint, Function
from yonder.client.options import check, names_of

T = TypeVar("T")


class AsyncExecutor:
    """Runs calls on an endpoint, from asyncio.

    ::

        async with yonder.AsyncExecutor("lab") as executor:
            value = await executor.submit(simulate, 1000)
            async for value in executor.map(simulate, sizes):
                ...

    Arguments and errors are those of ``Executor``. Futures can be awaited, any number of
    times, and given to ``asyncio.gather``, ``wait_for`` and ``as_completed``. When
    who awaits a future is cancelled, so is its task, wherever it runs; put
    ``asyncio.shield`` in between if it is to go on.

    Leaving ``async with`` waits for all results; leaving it by an exception cancels what
    no worker has begun, being cancelled meanwhile cancels everything.
    """

    __yonder_stays_here__ = True

    def __init__(
        self,
        endpoint: Union[str, Endpoint, None] = None,
        client: Optional[Client] = None,
        **options: Any,
    ) -> None:
        check("AsyncExecutor()", names_of(Executor.__init__), options)
        self._make: Callable[[], Executor] = lambda: Executor(endpoint, client, **options)
        self._made: Optional[Executor] = None

    @property
    def executor(self) -> Executor:
        """The executor behind this one, there from ``async with`` or ``open`` on."""
        if self._made is None:
            raise RuntimeError("open it first: async with yonder.AsyncExecutor(...) as executor")
        return self._made

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint, as it was when this executor was opened."""
        return self.executor.endpoint

    @property
    def group(self) -> str:
        """The id of the task group that all tasks are in."""
        return self.executor.group

    async def open(self) -> AsyncExecutor:
        """Find the endpoint and connect; ``async with`` does it."""
        if self._made is None:
            self._made = await asyncio.to_thread(self._make)
        return self

    def submit(
        self, fn: Union[Callable[..., T], Function, str], /, *args: Any, **kwargs: Any
    ) -> Future[T]:
        """Run ``fn(*args, **kwargs)`` there: await what this returns for the value.

        Errors as for ``Executor.submit``. It returns at once unless very much waits to
        be sent: who submits by the thousand awaits ``drain`` now and then.
        """
        return self.executor.submit(fn, *args, **kwargs)

    async def drain(self) -> None:
        """Wait until the service has all that was submitted, or has refused it."""
        for future in self.executor._unfinished.all():
            with contextlib.suppress(Exception):  # the future has it, too
                await asyncio.shield(asyncio.wrap_future(future.accepted))

    async def map(
        self,
        fn: Union[Callable[..., T], Function, str],
        *iterables: Iterable[Any],
        timeout: Optional[float] = None,
        chunksize: Optional[int] = None,
        buffersize: Optional[int] = None,
        progress: Optional[bool] = None,
        return_exceptions: bool = False,
    ) -> AsyncIterator[T]:
        """Run ``fn`` for each set of arguments; values in the order of the arguments.

        Arguments as for ``Executor.map``. The calls are submitted when iterating begins,
        and the values of a chunk come together. Whatever ends the iteration early cancels
        the rest.
        """
        terms = chunks.terms(timeout, return_exceptions, progress)
        parts, tally = await asyncio.to_thread(
            self.executor._start_map, fn, iterables, chunksize, buffersize
        )
        try:
            with tally.shown(progress):
                source = iter(parts)
                while True:
                    part = await asyncio.to_thread(next, source, None)
                    if part is None:
                        return
                    await _done(part, terms.end)
                    for found in chunks.batches(part, terms):
                        while found:
                            yield found.pop()
        finally:
            parts.cancel()

    async def shutdown(self, *, cancel_futures: bool = False) -> None:
        """Take no more calls, and wait until all have their results.

        ``cancel_futures`` cancels those that no worker has begun. Being cancelled while
        waiting cancels all.
        """
        executor = self._made
        if executor is None:
            return
        unfinished = executor._unfinished.shut()
        try:
            await asyncio.to_thread(executor.shutdown, False, cancel_futures=cancel_futures)
            for future in unfinished:
                with contextlib.suppress(Exception):
                    await asyncio.wait([asyncio.wrap_future(future)])
        except asyncio.CancelledError:
            for future in unfinished:
                future.cancel()
            raise
        await asyncio.to_thread(executor.shutdown)

    async def __aenter__(self) -> AsyncExecutor:
        return await self.open()

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.shutdown(cancel_futures=kind is not None)


async def _done(part: chunks.Part, end: Optional[float]) -> None:
    """Wait until all of a part is there; cancels it if this is cancelled."""
    waited = asyncio.wrap_future(part)
    left = None if end is None else max(0.0, end - time.monotonic())
    try:
        done, _ = await asyncio.wait([waited], timeout=left)
    except asyncio.CancelledError:
        part.cancel()
        raise
    if not done:
        part.cancel()
        raise ResultTimeout(f"no result in time: task {part.task_id} has none yet")
    if not waited.cancelled():
        waited.exception()  # it is raised where its value is taken
