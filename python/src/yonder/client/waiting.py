"""What a task waits for, in words; asked of the service."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from yonder.client import endpoints
from yonder.client.http import Request, Transport, read_json
from yonder.client.models import Endpoint, Task
from yonder.errors import YonderError

log = logging.getLogger("yonder.client")

# A wait that takes longer than this is told of, and how often at most.
LONG_S = 30.0
AGAIN_S = 60.0


class Waiting:
    """Asks once and never repeats: who waits has time, and the service may be down."""

    def __init__(self, transport: Transport, clock: Callable[[], float] = time.monotonic) -> None:
        self._transport = transport
        self._clock = clock
        self._lock = threading.Lock()
        self._told = float("-inf")

    def tell(self, task: str, otherwise: Callable[[], str]) -> None:
        """Log what a long wait is for. That a task runs is no news."""
        with self._lock:
            if self._clock() < self._told + AGAIN_S:
                return
            self._told = self._clock()
        try:
            found = self._task(task)
            if found.state != "started":
                log.warning("still waiting: %s", self._reason(found))
        except YonderError:
            log.warning("still waiting: %s", otherwise())

    def reason(self, task: str) -> str:
        """What the task is doing, as the end of a sentence; raises the service's error."""
        return self._reason(self._task(task))

    def _task(self, task: str) -> Task:
        return Task.from_json(self._get(f"/v1/tasks/{task}"))

    def _get(self, path: str) -> dict[str, object]:
        value: dict[str, object] = read_json(
            self._transport.send(Request("GET", path, idempotent=False))
        )
        return value

    def _reason(self, task: Task) -> str:
        what = f"task {task.id}"
        if task.state == "started":
            since = f" since {task.started.astimezone():%H:%M:%S}" if task.started else ""
            return f"{what} runs{since}"
        if task.state not in ("queued", "offered", "accepted"):
            return f"{what} is {task.state}, its result is on its way"
        endpoint = Endpoint.from_json(self._get(f"/v1/endpoints/{task.endpoint}"))
        if not endpoint.online:
            return f"{what} is {task.state}: {endpoints.offline(endpoint)}"
        status = endpoint.status
        if status is not None and status.trouble:
            return f"{what} is {task.state}; endpoint {endpoint.name} says: {status.trouble}"
        busy = f"{status.busy} of {status.slots} slots are busy, " if status is not None else ""
        return (
            f"{what} is {task.state} at endpoint {endpoint.name}, where {busy}{endpoint.queued} "
            "tasks are queued"
        )
