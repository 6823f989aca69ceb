"""An endpoint that takes no more tasks holds up no other one."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from yonder.client.client import Client
from yonder.client.executor import Executor
from yonder.client.lane import REQUEST_BUNDLES, Lanes
from yonder.errors import LimitReached

from .fake_service import FakeService
from .fake_state import Bundle, Refusal, endpoint
from .fake_worker import FakeWorker


class Full:
    """Makes the endpoint ``full`` refuse everything, until ``over``."""

    def __init__(self, service: FakeService, retry_after: str) -> None:
        service.state.endpoints.append(endpoint("full"))
        self.id = service.state.endpoints[-1]["id"]
        self.over = False
        self.refused = threading.Event()
        self._check = service.state._check
        self._retry_after = retry_after
        service.state._check = self.check  # type: ignore[method-assign]

    def check(self, bundle: Bundle) -> None:
        if bundle.header["endpoint"] == self.id and not self.over:
            self.refused.set()
            refusal = Refusal(429, "limit_reached", "the endpoint has enough")
            refusal.headers = {"Retry-After": self._retry_after}
            raise refusal
        self._check(bundle)


def double(x: int) -> int:
    return 2 * x


def test_others_go_on(service: FakeService, client: Client, worker: FakeWorker) -> None:
    full = Full(service, "0.05")
    waits, goes = Executor("full", client), Executor("lab", client)
    waiting = [waits.submit(double, n) for n in range(3)]
    assert full.refused.wait(10)
    assert [goes.submit(double, n).result(10) for n in range(20)] == [2 * n for n in range(20)]
    assert not any(future.done() for future in waiting)
    assert client.engine.sender.trouble == "the service is full: the endpoint has enough"
    full.over = True
    assert [future.result(10) for future in waiting] == [0, 2, 4]
    assert client.engine.sender.trouble == ""


def test_a_client_that_is_closed_leaves_what_waits(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    full = Full(service, "1000")
    future = Executor("full", client).submit(double, 1)
    assert full.refused.wait(10)
    good = Executor("lab", client).submit(double, 2)
    assert good.result(10) == 4
    assert not client.close(timeout=0.01)
    with pytest.raises(LimitReached, match="has enough"):
        future.result(10)


def test_room() -> None:
    lanes = Lanes(100, 1000)
    full, other, third = (lanes.of(name) for name in ("full", "other", "third"))
    lanes.change(full, 90, 0)
    assert not lanes.full(full, 10, 0), "all room is for one alone"
    assert lanes.full(full, 11, 0)
    lanes.change(full, -90, 0)
    full.refusal = LimitReached("enough")
    for lane, most in ((full, 50), (other, 50), (third, 0)):
        taken = 0
        while not lanes.full(lane, 1, 0):
            lanes.change(lane, 1, 0)
            taken += 1
        assert taken == most
    lanes.change(other, -50, 0)
    other.refusal = LimitReached("enough")
    while not lanes.full(other, 1, 0):
        lanes.change(other, 1, 0)
    assert other.tasks == 25
    assert not lanes.full(third, 25, 0), "however many rest, there is room for one that does not"
    lanes.change(full, -50, 0)
    lanes.change(other, -25, 0)
    assert not lanes.full(full, 1000, 10_000), "what is larger than all room has it alone"


def test_turns() -> None:
    lanes = Lanes(100, 1000)
    drafts: Any = [object() for _ in range(8)]
    for name, draft in zip("abcabc", drafts):
        lanes.of(name).queue.append(draft)
    turns = []
    for _ in range(3):
        lane = lanes.due(0.0)
        assert lane is not None
        turns.append(lane.queue.popleft())
    assert turns == drafts[:3]
    a = lanes.of("a")
    batch = [a.queue.popleft(), *drafts[6:]]
    a.rest(batch, 5.0, LimitReached("enough"))
    assert list(a.queue) == batch
    assert a.window == 1
    assert lanes.due(4.0) is lanes.of("b")
    assert lanes.resting() == [a]
    lanes.of("b").queue.clear()
    lanes.of("c").queue.clear()
    assert lanes.due(4.0) is None
    assert lanes.due(5.0) is a
    a.go_on()
    assert (a.window, lanes.resting()) == (2, [])
    for _ in range(20):
        a.go_on()
    assert a.window == REQUEST_BUNDLES
