"""What became of tasks, in the shapes that funcX answers with."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Callable, Optional

from yonder import Client, Future

from funcx.errors import failed, of_task

# Futures that are kept for tasks of this process; the service is asked about
# older ones, as about tasks from elsewhere.
KEPT = 100_000

# funcX's words for the states of tasks that have no result.
STATUS = {
    "queued": "waiting-for-ep",
    "offered": "waiting-for-ep",
    "accepted": "waiting-for-launch",
    "started": "running",
}


class Tasks:
    """The tasks that a client is asked about. Safe for any number of threads.

    Results of tasks that were submitted here come by themselves; those of others
    are asked for.
    """

    def __init__(self, client: Client, kept: int = KEPT) -> None:
        self._client = client
        self._kept = kept
        self._lock = threading.Lock()
        self._own: OrderedDict[str, Future[Any]] = OrderedDict()

    def accepted(self, futures: Iterable[Future[Any]]) -> list[str]:
        """Wait until the service has the tasks; their ids. Raises why it does not take one."""
        ids = []
        for future in futures:
            future.accepted.result()
            assert future.task_id is not None  # an accepted task has one
            ids.append(future.task_id)
            self._keep(future.task_id, future)
        return ids

    def _keep(self, task_id: str, future: Future[Any]) -> None:
        with self._lock:
            self._own[task_id] = future
            while len(self._own) > self._kept:
                self._own.popitem(last=False)

    def _known(self, task_id: str) -> Optional[Future[Any]]:
        with self._lock:
            return self._own.get(task_id)

    def result(self, task_id: str, timeout: Optional[float]) -> Any:
        """The value; raises FuncxTaskExecutionFailed if there is none, Timeout if not yet."""
        future = self._known(task_id)
        try:
            if future is not None:
                return future.result(timeout)
            return self._client.result(task_id, timeout)
        except Exception as error:
            if not of_task(error):
                raise
            raise failed(error, completed(future)) from error

    def status(self, task_id: str) -> dict[str, Any]:
        """The task's block, without waiting for a result."""
        future = self._known(task_id)
        if future is not None and future.done():
            return _ended(future.result, completed(future))
        task = self._client.task(task_id)
        if task.state in STATUS:
            return {"pending": True, "status": STATUS[task.state]}
        at = f"{task.finished.timestamp():.6f}" if task.finished else None
        return _ended(lambda: self._client.result(task_id), at)


def completed(future: Optional[Future[Any]]) -> Optional[str]:
    """When the service got a future's result, as funcX writes times; None if not known."""
    micros = future.timings.accepted if future is not None else None
    return None if micros is None else f"{micros / 1e6:.6f}"


def _ended(value: Callable[[], Any], completion_t: Optional[str]) -> dict[str, Any]:
    """The block of a task that has its result."""
    try:
        block = {"status": "success", "result": value()}
    except Exception as error:
        if not of_task(error):
            raise
        block = {"status": "failed", "exception": failed(error, completion_t)}
    return {"pending": False, **block, "completion_t": completion_t}
