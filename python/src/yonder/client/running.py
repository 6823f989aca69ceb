"""Which tasks run now, as the service knows it."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable

from yonder.client.http import Request, Transport, with_query
from yonder.errors import YonderError

# How long an answer counts. Agents report twice a second what began, so asking
# more often tells nothing new.
FRESH_S = 0.5
# A slow answer counts this many times as long as it took: who asks all the time
# keeps the service busy for a tenth of it at most.
SHARE = 10
PAGE = 1000


class Running:
    """Knows the started tasks of groups. Safe for any number of threads.

    One request answers for all futures of a group, because only as many tasks
    run as the endpoint has slots. It is sent when somebody asks, and never
    repeated: where no answer comes, what was known last goes on counting.
    """

    def __init__(self, transport: Transport, clock: Callable[[], float] = time.monotonic) -> None:
        self._transport = transport
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, frozenset[str]]] = {}

    def tasks(self, group: str) -> frozenset[str]:
        """The ids of the group's tasks that have started and have no result."""
        with self._lock:
            until, found = self._known.get(group, (0.0, frozenset()))
            begin = self._clock()
            if begin < until:
                return found
            # What is wrong with the service is said by who needs it more urgently.
            with contextlib.suppress(YonderError):
                found = frozenset(self._ask(group))
            took = self._clock() - begin
            self._drop_old(begin)
            self._known[group] = (begin + took + max(FRESH_S, SHARE * took), found)
            return found

    def _drop_old(self, now: float) -> None:
        for group in [group for group, (until, _) in self._known.items() if until < now]:
            del self._known[group]

    def _ask(self, group: str) -> list[str]:
        found: list[str] = []
        after = ""
        while True:
            query = {"group": group, "state": "started", "limit": PAGE, "after": after}
            request = Request("GET", with_query("/v1/tasks", query), idempotent=False)
            page = json.loads(self._transport.send(request).data)
            found += [task["id"] for task in page.get("items") or []]
            after = page.get("next") or ""
            if not after:
                return found
