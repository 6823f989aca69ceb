"""Cancels that are on their way to the service."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable
from typing import Optional

from yonder.client.crew import Crew
from yonder.client.http import Transport
from yonder.client.models import Cancelled
from yonder.errors import NotFound, YonderError

log = logging.getLogger("yonder.client")


def cancel(transport: Transport, path: str, reason: str = "") -> Cancelled:
    """Cancel what the path names; very many tasks take several requests."""
    total, body = Cancelled(), {"reason": reason} if reason else {}
    while True:
        total = total + Cancelled.from_json(transport.json("POST", path, body))
        if not total.next:
            return total
        body["after"] = total.next


class Withdrawals:
    """Asks the service to stop tasks, one after the other, beside everything else.

    The futures are cancelled already: what goes wrong here is only logged.
    """

    def __init__(self, transport: Transport, crew: Crew) -> None:
        self._transport = transport
        self._crew = crew
        self._changed = threading.Condition()
        self._paths: deque[str] = deque()
        self._busy = False

    def tasks(self, tasks: Iterable[str]) -> None:
        """Stop these tasks."""
        self._add([f"/v1/tasks/{task}/cancel" for task in tasks])

    def bundle(self, bundle: str) -> None:
        """Stop all tasks of a bundle."""
        self._add([f"/v1/bundles/{bundle}/cancel"])

    def group(self, group: str) -> None:
        """Stop all tasks of a group."""
        self._add([f"/v1/groups/{group}/cancel"])

    def _add(self, paths: list[str]) -> None:
        with self._changed:
            self._paths.extend(path for path in paths if path != self._last())
            if self._busy or not self._paths:
                return
            self._busy = True
        self._crew.run(self._work)

    def _last(self) -> Optional[str]:
        return self._paths[-1] if self._paths else None

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._paths:
                    self._busy = False
                    self._changed.notify_all()
                    return
                path = self._paths.popleft()
            try:
                cancel(self._transport, path)
            except NotFound:
                pass  # never accepted, or long gone
            except YonderError as error:
                log.warning("POST %s failed, what it names goes on: %s", path, error)

    def flush(self, timeout: Optional[float] = None) -> bool:
        """Wait until all were asked for; False if that took longer than ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy, timeout)
