"""What a long wait is for, and whether a task runs."""

from __future__ import annotations

import logging
import threading

import pytest

from yonder.client import future as futures
from yonder.client import sinks
from yonder.client.client import Client
from yonder.client.executor import Executor
from yonder.client.future import Future
from yonder.client.running import Running
from yonder.client.waiting import AGAIN_S, Waiting

from .fake_faults import drop, refuse
from .fake_service import FakeService
from .fake_worker import FakeWorker


def double(x: int) -> int:
    return 2 * x


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def sent(client: Client) -> Future[int]:
    future = Executor(client=client).submit(double, 1)
    future.accepted.result(10)
    return future


def test_running_asks_seldom(service: FakeService, client: Client, sent: Future[int]) -> None:
    clock = Clock()
    running = Running(client.transport, clock)
    assert running.tasks(sent.group) == frozenset()
    service.state.started.add(sent.task_id or "")
    clock.now = 0.4
    assert running.tasks(sent.group) == frozenset()
    clock.now = 0.6
    assert running.tasks(sent.group) == {sent.task_id}
    service.fault("GET", "/v1/tasks", drop, refuse(503, "unavailable"))
    for clock.now in (2, 4, 6):
        assert running.tasks(sent.group) == {sent.task_id}, "what was known goes on counting"
    assert service.state.count("GET", "/v1/tasks") == 5


def test_running(service: FakeService, sent: Future[int]) -> None:
    assert not sent.running()
    service.state.started.add(sent.task_id or "")
    sent._origin.running._known.clear()  # type: ignore[attr-defined]
    assert sent.running()
    sent.cancel()
    assert not sent.running()


def tell(client: Client, sent: Future[int], caplog: pytest.LogCaptureFixture) -> str:
    caplog.clear()
    with caplog.at_level(logging.WARNING, "yonder.client"):
        Waiting(client.transport).tell(sent.task_id or "", lambda: "nobody knows")
    return caplog.text


def test_reasons(
    service: FakeService, client: Client, sent: Future[int], caplog: pytest.LogCaptureFixture
) -> None:
    (lab,) = service.state.endpoints
    lab["status"].update(busy=3)
    lab.update(queued=7)
    assert "is queued at endpoint lab, where 3 of 4 slots are busy, 7 tasks" in tell(
        client, sent, caplog
    )
    lab["status"]["trouble"] = "no block starts"
    assert "endpoint lab says: no block starts" in tell(client, sent, caplog)
    lab["online"] = False
    assert "is queued: endpoint lab is offline" in tell(client, sent, caplog)
    service.fault("GET", f"/v1/tasks/{sent.task_id}", drop)
    assert "nobody knows" in tell(client, sent, caplog)
    service.state.started.add(sent.task_id or "")
    assert tell(client, sent, caplog) == ""


def test_it_is_told_once_in_a_while(
    client: Client, sent: Future[int], caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    waiting = Waiting(client.transport, clock)
    for clock.now in (0.0, 1.0, AGAIN_S + 1):
        waiting.tell(sent.task_id or "", lambda: "")
    assert caplog.text.count("still waiting") == 2


@pytest.mark.parametrize("chunk", [False, True])
def test_who_waits_long_is_told(
    service: FakeService,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    chunk: bool,
) -> None:
    monkeypatch.setattr(futures, "LONG_S", 0.05)
    monkeypatch.setattr(sinks, "LONG_S", 0.05)
    with Executor(client=client) as executor:
        found = executor.map(double, [1, 2], timeout=1, chunksize=2 if chunk else 1)
        with pytest.raises(TimeoutError):
            next(found)
    assert "still waiting: " in caplog.text


def test_states_of_many(service: FakeService, client: Client, worker: FakeWorker) -> None:
    with Executor(client=client) as executor:
        futures = executor.submit_batch(double, [(n,) for n in range(3)])
        assert [future.result(10) for future in futures] == [0, 2, 4]
        other = executor.submit(divmod, 1, 0)
        other.exception(10)
    found = client.states([*futures, other])
    assert list(found.values()) == ["succeeded"] * 3 + ["failed"]
    assert client.states([futures[0].task_id or ""]) == {futures[0].task_id: "succeeded"}


def test_a_batch_is_all_or_none(service: FakeService, client: Client) -> None:
    executor = Executor(client=client)
    with pytest.raises(TypeError, match="cannot be packed|cannot pickle"):
        executor.submit_batch(double, [(1,), (threading.Lock(),)])
    executor.shutdown()
