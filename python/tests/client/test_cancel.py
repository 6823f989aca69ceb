"""Cancelling and shutting down."""

from __future__ import annotations

import concurrent.futures
import json
import threading

import pytest

from yonder import codec
from yonder.client.client import Client
from yonder.client.executor import Executor
from yonder.errors import TaskCancelled

from .fake_faults import Gate, refuse
from .fake_service import FakeService
from .fake_worker import FakeWorker


def double(x: int) -> int:
    return 2 * x


def test_cancel(service: FakeService, client: Client) -> None:
    called: list[object] = []
    with Executor(client=client) as executor:
        future = executor.submit(double, 1)
        future.add_done_callback(called.append)
        future.accepted.result(10)
        assert future.cancel()
        assert future.cancel()  # again is fine
        assert future.cancelled()
        assert future.done()
        with pytest.raises(concurrent.futures.CancelledError):
            future.result()
        with pytest.raises(concurrent.futures.CancelledError):
            future.exception()
        assert concurrent.futures.wait([future], 0).done == {future}
        assert service.state.await_cancels(1) == [future.task_id]
        (bundle,) = service.state.await_bundles(1)
        service.state.finish(bundle, 0, 1, "ok", codec.pack_value(2))  # too late
        again = executor.submit(double, 2)
        again.accepted.result(10)
        service.state.finish(service.state.await_bundles(2)[1], 0, 1, "ok", codec.pack_value(4))
        assert again.result(10) == 4
    assert called == [future]
    assert future.cancelled()


def test_cancel_while_it_is_sent(service: FakeService, client: Client) -> None:
    gate = Gate()
    service.fault("POST", "/v1/bundles", gate)
    with Executor(client=client) as executor:
        future = executor.submit(double, 1)
        assert gate.entered.wait(10)
        assert future.cancel()
        gate.open.set()
        assert service.state.await_cancels(1) == [future.task_id]


def test_cancel_a_map(service: FakeService, client: Client) -> None:
    with Executor(client=client) as executor:
        futures = [executor.submit(double, i) for i in range(3)]
        concurrent.futures.wait([future.accepted for future in futures])
        waiter = concurrent.futures.ThreadPoolExecutor(1)
        waiting = waiter.submit(concurrent.futures.wait, futures)
        for future in futures:
            future.cancel()
        assert len(waiting.result(10).done) == 3
        waiter.shutdown()
        assert len(service.state.await_cancels(3)) == 3


def test_a_cancel_that_fails_is_told(
    service: FakeService, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with Executor(client=client) as executor:
        future = executor.submit(double, 1)
        future.accepted.result(10)
        path = f"/v1/tasks/{future.task_id}/cancel"
        service.fault("POST", path, refuse(403, "forbidden", "not yours"))
        assert future.cancel()
    assert f"POST {path} failed, what it names goes on: not yours" in caplog.text


def test_cancelled_by_somebody_else(service: FakeService, client: Client) -> None:
    with Executor(client=client) as executor:
        future = executor.submit(double, 1)
        (bundle,) = service.state.await_bundles(1)
        reason = json.dumps({"code": "task_cancelled", "message": "by the owner"}).encode()
        service.state.finish(bundle, 0, 1, "failed", reason)
        with pytest.raises(TaskCancelled, match="by the owner"):
            future.result(10)
        assert not future.cancelled()


def test_shutdown_waits(service: FakeService, client: Client, worker: FakeWorker) -> None:
    executor = Executor(client=client)
    futures = [executor.submit(double, i) for i in range(10)]
    executor.shutdown()
    assert all(future.done() for future in futures)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(double, 1)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.map(double, [1])
    executor.shutdown()


def test_shutdown_without_waiting(service: FakeService, client: Client) -> None:
    executor = Executor(client=client)
    future = executor.submit(double, 1)
    executor.shutdown(wait=False)
    (bundle,) = service.state.await_bundles(1)
    service.state.finish(bundle, 0, 1, "ok", codec.pack_value(2))
    assert future.result(10) == 2


def test_shutdown_cancels(service: FakeService, client: Client) -> None:
    executor = Executor(client=client)
    futures = [executor.submit(double, i) for i in range(10)]
    chunk = executor.map(double, range(10), chunksize=10)
    service.state.await_bundles(1)
    executor.shutdown(cancel_futures=True)
    assert all(future.cancelled() for future in futures)
    with pytest.raises(concurrent.futures.CancelledError):
        next(chunk)
    assert set(service.state.cancels) == {executor.group}


def test_shutdown_cancels_only_its_own_in_a_shared_group(
    service: FakeService, client: Client
) -> None:
    group = client.create_group("shared").id
    one, other = Executor(client=client, group=group), Executor(client=client, group=group)
    future, kept = one.submit(double, 1), other.submit(double, 2)
    future.accepted.result(10)
    kept.accepted.result(10)
    one.shutdown(cancel_futures=True)
    assert service.state.cancels == [future.task_id]
    assert not kept.done()


def test_flush_waits_for_acceptance_only(service: FakeService, client: Client) -> None:
    gate = Gate()
    service.fault("POST", "/v1/bundles", gate)
    executor = Executor(client=client)
    future = executor.submit(double, 1)
    assert not executor.flush(0.01)
    gate.open.set()
    assert executor.flush(10)
    assert future.accepted.is_set()
    assert not future.done()


def test_a_closed_client(service: FakeService, client: Client) -> None:
    executor = Executor(client=client)
    executor.submit(double, 1).accepted.result(10)
    assert client.close()
    with pytest.raises(RuntimeError, match="closed"):
        executor.submit(double, 1)
    assert client.close()


def test_closing_wakes_who_waits_to_submit(service: FakeService) -> None:
    client = Client(service.url, service.state.token, queue_tasks=1, patience=0.5)
    gate = Gate()
    service.fault("POST", "/v1/bundles", gate)
    executor = Executor(client=client)
    executor.submit(double, 1)
    assert gate.entered.wait(10)
    refused = threading.Event()

    def second() -> None:
        with pytest.raises(RuntimeError, match="closed"):
            executor.submit(double, 2)
        refused.set()

    thread = threading.Thread(target=second)
    thread.start()
    assert not client.close(timeout=0.05)
    assert refused.wait(10)
    thread.join()
    gate.open.set()
