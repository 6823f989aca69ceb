"""What waits to be sent to one endpoint."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Optional

from yonder.client.draft import Draft
from yonder.errors import YonderError

# Bundles in a request. Halved whenever the service takes no more.
REQUEST_BUNDLES = 256


class Lane:
    """The queue of one endpoint. Only touched under the sender's lock.

    ``refusal`` is why the service takes no more for now: the lane rests ``until`` then.
    """

    def __init__(self) -> None:
        self.queue: deque[Draft] = deque()
        self.tasks = 0
        self.bytes = 0
        self.window = REQUEST_BUNDLES
        self.until = 0.0
        self.refusal: Optional[YonderError] = None

    def rest(self, batch: Iterable[Draft], until: float, refusal: YonderError) -> None:
        """Take back what was refused, and send less of it later."""
        drafts = list(batch)
        self.queue.extendleft(reversed(drafts))
        self.window = max(1, len(drafts) // 2)
        self.until, self.refusal = until, refusal

    def go_on(self) -> None:
        """The service has taken something."""
        self.until, self.refusal = 0.0, None
        self.window = min(REQUEST_BUNDLES, self.window * 2)


class Lanes:
    """The lanes of the endpoints that were ever used, and what they share: room, and turns.

    A lane that rests gets as much room as it leaves to the others at most: whatever
    fills up, there is room for an endpoint that takes tasks.
    """

    def __init__(self, most_tasks: int, most_bytes: int) -> None:
        self.most_tasks = most_tasks
        self.most_bytes = most_bytes
        self.tasks = 0
        self.bytes = 0
        self._lanes: OrderedDict[str, Lane] = OrderedDict()

    def of(self, endpoint: str) -> Lane:
        """The lane of an endpoint."""
        lane = self._lanes.get(endpoint)
        if lane is None:
            lane = self._lanes[endpoint] = Lane()
        return lane

    def full(self, lane: Lane, tasks: int, size: int) -> bool:
        """Whether a lane has to wait for room. What is larger than all room has it alone."""
        if not self.tasks:
            return False
        free_tasks, free_bytes = self.most_tasks - self.tasks, self.most_bytes - self.bytes
        if tasks > free_tasks or size > free_bytes:
            return True
        return lane.refusal is not None and (
            lane.tasks + tasks > free_tasks or lane.bytes + size > free_bytes
        )

    def change(self, lane: Lane, tasks: int, size: int) -> None:
        """Take room, or with negative numbers give it back."""
        lane.tasks += tasks
        lane.bytes += size
        self.tasks += tasks
        self.bytes += size

    def due(self, now: float) -> Optional[Lane]:
        """The lane whose turn it is to send; its next turn comes after all others'."""
        for endpoint, lane in self._lanes.items():
            if lane.queue and lane.until <= now:
                self._lanes.move_to_end(endpoint)
                return lane
        return None

    def resting(self) -> list[Lane]:
        """Those that have something to send, and may not yet."""
        return [lane for lane in self._lanes.values() if lane.queue and lane.refusal]

    @property
    def refusal(self) -> Optional[YonderError]:
        """Why some lane rests."""
        return next(
            (lane.refusal for lane in self._lanes.values() if lane.refusal and lane.tasks), None
        )
