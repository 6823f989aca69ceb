"""Task groups, also from another machine than the one that submitted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Optional

from yonder import wire
from yonder.client import ids
from yonder.client.future import Acceptance, Future
from yonder.client.http import TYPE_FRAMES, Request, with_query
from yonder.client.models import AT, Cancelled, Model, Task
from yonder.client.progress import as_completed
from yonder.client.sinks import Futures

if TYPE_CHECKING:
    from yonder.client.client import Client
    from yonder.client.engine import Engine


@dataclass(frozen=True)
class Group(Model):
    """Tasks submitted together; ``cursor`` is the newest result's.

    Each result is kept for ``retention_s`` seconds. Up to the cursor ``expired`` only
    records are left, whose futures raise ResultExpired; up to ``forgotten`` nothing is.
    """

    __yonder_stays_here__ = True

    id: str = ""
    label: str = ""
    owner: str = ""
    tasks: int = 0
    done: int = 0
    failed: int = 0
    cursor: int = 0
    retention_s: int = 0
    expired: int = 0
    forgotten: int = 0
    created: Optional[datetime] = field(default=None, metadata=AT)
    client: Optional[Client] = field(default=None, repr=False, compare=False)

    def cancel(self, reason: str = "") -> Cancelled:
        """Cancel all tasks of the group that have no result."""
        return self._client.cancel_group(self.id, reason)

    def refresh(self) -> Group:
        """The group as it is now."""
        return self._client.group(self.id)

    def futures(self) -> list[Future[Any]]:
        """A future for each task the group has now, in the order of submission.

        Results that are there are fetched before this returns, but for large
        ones; those and the others come as they do for whoever submitted the tasks.
        """
        client = self._client
        return attach(client.engine, self.id, client._tasks(self.id), self.forgotten)

    def all_tasks(self, state: str = "", limit: int = 0) -> list[Task]:
        """Its tasks, newest first, those in one state if you name it; ``limit`` 0 is all."""
        return list(self._client._tasks(self.id, state, limit=limit))

    def counts(self) -> dict[str, int]:
        """How many of its tasks wait, run, have succeeded and have failed, now.

        "failed" includes those that were cancelled. Asks for the counts of the group and
        for the tasks that run, so it is cheap for a group of any size.
        """
        now = self.refresh()
        running = len(self.all_tasks("started"))
        return {
            "waiting": max(0, now.tasks - now.done - running),
            "running": running,
            "succeeded": now.done - now.failed,
            "failed": now.failed,
        }

    def wait(
        self, timeout: Optional[float] = None, *, progress: Optional[bool] = None
    ) -> list[Future[Any]]:
        """Wait until all its tasks of now are done; their futures in the order of submission.

        ``progress`` as for ``yonder.as_completed``; raises a TimeoutError after
        ``timeout`` seconds.
        """
        futures = self.futures()
        for _ in as_completed(futures, timeout, progress=progress):
            pass
        return futures

    @property
    def _client(self) -> Client:
        if self.client is None:
            raise ValueError("this group was not made by a client")
        return self.client


def attach(engine: Engine, group: str, tasks: Iterable[Task], cursor: int = 0) -> list[Future[Any]]:
    """Futures of tasks that the service has, joined to their results after the cursor."""
    accepted = Acceptance()
    accepted.settle()
    bundles: dict[str, dict[int, Future[Any]]] = {}
    for task in tasks:
        bundle, index = ids.bundle_of(task.id)
        future: Future[Any] = Future(engine, group)
        future.accepted = accepted
        future._place = (bundle, index)
        bundles.setdefault(bundle, {})[index] = future
    for bundle, futures in bundles.items():
        engine.inbox.expect(group, bundle, Futures(futures))
    engine.inbox.start_at(group, _fetch_all(engine, group, cursor))
    engine.stream.follow(group)
    return [futures[i] for _, futures in sorted(bundles.items()) for i in sorted(futures)]


def _fetch_all(engine: Engine, group: str, cursor: int) -> int:
    """Deliver all results after the cursor that are there; returns that of the last."""
    while True:
        path = with_query(f"/v1/groups/{group}/results", {"cursor": cursor, "limit": 1000})
        answer = engine.transport.send(Request("GET", path, accept=TYPE_FRAMES))
        frame = wire.decode(answer.data)
        page = frame.header
        if not page.get("entries"):
            return cursor
        engine.inbox.deliver(page, frame.columns)
        cursor = page["cursor"]
