"""AsyncExecutor: awaiting, cancelling, iterating."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Coroutine
from typing import Any

import pytest

from yonder import codec
from yonder.client.aio import AsyncExecutor
from yonder.client.client import Client

from .fake_service import FakeService
from .fake_worker import FakeWorker


def double(x: int) -> int:
    return 2 * x


def invert(x: int) -> float:
    return 1 / x


def run(main: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(main, 30))


def test_submit_and_gather(client: Client, worker: FakeWorker) -> None:
    async def main() -> None:
        async with AsyncExecutor(client=client) as executor:
            assert await executor.submit(double, 21) == 42
            futures = [executor.submit(double, n) for n in range(100)]
            await executor.drain()
            assert all(future.accepted.is_set() for future in futures)
            assert await asyncio.gather(*futures) == [2 * n for n in range(100)]
            assert await futures[0] == 0  # once more
            with pytest.raises(ZeroDivisionError):
                await executor.submit(invert, 0)
        with pytest.raises(RuntimeError, match="after shutdown"):
            executor.submit(double, 1)

    run(main())


def test_it_has_to_be_opened(client: Client) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        AsyncExecutor(client=client).submit(double, 1)


def test_cancelling_who_awaits_cancels_the_task(service: FakeService, client: Client) -> None:
    async def main() -> None:
        async with AsyncExecutor(client=client) as executor:
            future = executor.submit(double, 1)
            await executor.drain()
            waiting = asyncio.ensure_future(future)
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert future.cancelled()
            assert service.state.await_cancels(1) == [future.task_id]
            late = executor.submit(double, 2)
            with pytest.raises((asyncio.TimeoutError, TimeoutError)):
                await asyncio.wait_for(late, 0.05)
            assert late.cancelled()

    run(main())


def test_shielded_it_goes_on(service: FakeService, client: Client) -> None:
    async def main() -> None:
        async with AsyncExecutor(client=client) as executor:
            future = executor.submit(double, 1)
            await executor.drain()
            waiting = asyncio.shield(future)
            waiting.cancel()
            assert not future.cancelled()
            (bundle,) = service.state.await_bundles(1)
            service.state.finish(bundle, 0, 1, "ok", codec.pack_value(2))
            assert await future == 2

    run(main())


@pytest.mark.parametrize("chunksize", [None, 1, 7])
def test_map(client: Client, worker: FakeWorker, chunksize: int) -> None:
    async def main() -> None:
        async with AsyncExecutor(client=client) as executor:
            found = [n async for n in executor.map(double, range(50), chunksize=chunksize)]
            assert found == [2 * n for n in range(50)]

    run(main())


def test_map_raises_in_its_place(client: Client, worker: FakeWorker) -> None:
    async def main() -> None:
        async with AsyncExecutor(client=client) as executor:
            found = executor.map(invert, [1, 2, 0, 4], chunksize=2)
            assert await found.__anext__() == 1
            assert await found.__anext__() == 0.5
            with pytest.raises(ZeroDivisionError):
                await found.__anext__()
            every = executor.map(invert, [1, 0, 2], return_exceptions=True)
            kinds = [type(value) async for value in every]
            assert kinds == [float, ZeroDivisionError, float]

    run(main())


def test_map_that_takes_too_long(service: FakeService, client: Client) -> None:
    async def main() -> None:
        async with AsyncExecutor(client=client) as executor:
            found = executor.map(double, range(4), timeout=0.5, chunksize=2)
            with pytest.raises(concurrent.futures.TimeoutError):
                await found.__anext__()

    run(main())
    assert len(service.state.await_cancels(4)) == 4


def test_leaving_by_an_exception_cancels(service: FakeService, client: Client) -> None:
    async def main() -> None:
        async with AsyncExecutor(client=client) as executor:
            executor.submit(double, 1)
            await executor.drain()
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run(main())
    assert service.state.await_cancels(1)


def test_being_cancelled_at_the_end_cancels_all(service: FakeService, client: Client) -> None:
    async def main() -> None:
        opened = AsyncExecutor(client=client)

        async def whole() -> None:
            async with opened as executor:
                service.state.started.add(executor.submit(double, 1).task_id or "")

        task = asyncio.ensure_future(whole())
        await asyncio.to_thread(service.state.await_bundles, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())
    assert service.state.await_cancels(1)


def test_run_in_executor(client: Client, worker: FakeWorker) -> None:
    """Where asyncio takes a concurrent.futures executor, it takes ours."""
    from yonder.client.executor import Executor

    async def main() -> int:
        with Executor(client=client) as executor:
            return await asyncio.get_running_loop().run_in_executor(executor, double, 4)

    assert run(main()) == 8
