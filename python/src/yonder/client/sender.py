"""Sends tasks: what comes while a request is under way goes with the next one."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, Callable, Optional

from yonder.client import backoff, crew
from yonder.client.draft import HEADER_BYTES, Draft, Terms
from yonder.client.functions import Functions
from yonder.client.future import Future
from yonder.client.http import TYPE_FRAMES, Request, Transport, read_json
from yonder.client.lane import Lane, Lanes
from yonder.client.models import Limits
from yonder.client.sinks import Sink
from yonder.errors import (
    InternalError,
    LimitReached,
    NotFound,
    Timeout,
    Unauthenticated,
    Unavailable,
    YonderError,
)
from yonder.wire import Buffer

log = logging.getLogger("yonder.client")

# What may wait to be sent before submitting waits too.
QUEUE_TASKS = 262_144
QUEUE_BYTES = 128 << 20
# A larger request gains nothing and holds up the next one.
REQUEST_BYTES = 8 << 20

# Errors that are not about one bundle of a request.
_WHOLE = (Unavailable, Timeout, Unauthenticated)


class Sender:
    """One thread, and a queue of bundles for each endpoint: one that is full holds up no other.

    ``expect`` is told where a bundle's outcomes go before it is sent, ``known``
    that a group exists once a bundle of it was accepted.
    """

    def __init__(
        self,
        transport: Transport,
        functions: Functions,
        limits: Limits,
        expect: Callable[[Draft, Sink], None],
        known: Callable[[str], None],
        *,
        queue_tasks: int = QUEUE_TASKS,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        self._transport = transport
        self._functions = functions
        self._expect = expect
        self._known = known
        self.capacity = min(limits.request_bytes, REQUEST_BYTES)
        self.inline = min(limits.inline_bytes, self.capacity - HEADER_BYTES - 64)
        self.bundle_tasks = limits.bundle_tasks
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._room = threading.Condition(self._lock)
        self._open: dict[Terms, Draft] = {}
        self._lanes = Lanes(queue_tasks, queue_bytes)
        self._thread: Optional[threading.Thread] = None
        self._closed = False

    @property
    def trouble(self) -> str:
        """Why something waits to be sent; empty if nothing does for long."""
        refusal = self._lanes.refusal
        return f"the service is full: {refusal}" if refusal else ""

    # -- taking ----------------------------------------------------------

    def add(self, terms: Terms, future: Future[Any], payload: Buffer) -> None:
        """Queue a task; waits while the queue is full."""
        size = len(payload)
        with self._lock:
            lane = self._lanes.of(terms.options.endpoint)
            self._reserve(lane, 1, size, terms.options.when_full == "wait")
            draft = self._open.get(terms)
            if (
                draft is None
                or draft.size + size > self.capacity
                or len(draft.calls) >= self.bundle_tasks
            ):
                draft = self._open[terms] = Draft(terms)
                self._enqueue(lane, draft)
            draft.add(future, payload)
            draft.held += size
            draft.held_tasks += 1

    def hold(self, draft: Draft, tasks: int, size: int) -> None:
        """Reserve room for a draft that is queued later, when its payload is uploaded."""
        with self._lock:
            self._reserve(self._lane(draft), tasks, size, draft.waits)
            draft.held, draft.held_tasks = size, tasks

    def put(self, draft: Draft) -> None:
        """Queue a draft that room was held for."""
        with self._lock:
            self._enqueue(self._lane(draft), draft)

    def _lane(self, draft: Draft) -> Lane:
        return self._lanes.of(draft.terms.options.endpoint)

    def _reserve(self, lane: Lane, tasks: int, size: int, waits: bool) -> None:
        self._check_open()
        while self._lanes.full(lane, tasks, size):
            # In a callback of a thread that makes room, waiting for room would last for ever.
            if threading.current_thread() is self._thread or crew.inside():
                break
            if not waits:
                raise self._overfull()
            self._room.wait()
            self._check_open()
        self._lanes.change(lane, tasks, size)

    def _overfull(self) -> LimitReached:
        all_ = self._lanes
        error = LimitReached(
            f"{all_.tasks} tasks of {all_.bytes} bytes wait to be sent, and {all_.most_tasks} "
            f"tasks of {all_.most_bytes} bytes may: try again when some are"
            + (f" ({self.trouble})" if self.trouble else "")
        )
        error.limit, error.current, error.maximum = "queue_tasks", all_.tasks, all_.most_tasks
        return error

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("cannot schedule new futures: the client is closed")

    def _enqueue(self, lane: Lane, draft: Draft) -> None:
        lane.queue.append(draft)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="yonder-send", daemon=True)
            self._thread.start()
        self._work.notify()

    def unsent(self, future: Future[Any]) -> bool:
        """Whether a cancelled future's task was not sent yet, and so never will be."""
        with self._lock:
            return future._place is None

    # -- sending ---------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._lock:
                lane = self._wait()
                batch = self._take(lane) if lane else []
            if batch:
                self._send(batch)
            elif lane is None:
                self._give_up()
                return
            del batch  # or it keeps futures and payloads until there is another

    def _wait(self) -> Optional[Lane]:
        """The lane whose turn it is, as soon as there is one; None once nothing more is sent."""
        while True:
            now = time.monotonic()
            lane = self._lanes.due(now)
            if lane is not None or self._closed:
                return lane
            untils = [lane.until for lane in self._lanes.resting()]
            self._work.wait(min(untils) - now if untils else None)

    def _give_up(self) -> None:
        """The client is closed: what the service takes no more of was not accepted."""
        with self._lock:
            left = []
            for lane in self._lanes.resting():
                left += [(draft, lane.refusal) for draft in lane.queue]
                lane.queue.clear()
        for draft, refusal in left:
            assert refusal is not None, "it rests for a reason"
            self.fail(draft, refusal)

    def _take(self, lane: Lane) -> list[Draft]:
        """The drafts of a lane's next request, closed. The lock is held."""
        batch: list[Draft] = []
        size = 0
        while lane.queue and len(batch) < lane.window:
            if batch and size + lane.queue[0].size > self.capacity:
                break
            draft = lane.queue.popleft()
            if self._open.get(draft.terms) is draft:
                del self._open[draft.terms]
            if draft.closed or self._close(draft):
                batch.append(draft)
                size += draft.size
        return batch

    def _close(self, draft: Draft) -> bool:
        sink = draft.close()
        if sink is None:
            draft.accepted.void()
            self._let_go(draft)
            return False
        self._expect(draft, sink)
        return True

    def _send(self, batch: list[Draft]) -> None:
        batch = [draft for draft in batch if self._ready(draft)]
        if not batch:
            return
        try:
            self._post(batch)
        except LimitReached as error:
            self._slow_down(batch, error)
        except YonderError as error:
            self._refused(batch, error)
        except Exception as error:  # whatever it is: this thread must go on
            log.exception("sending failed")
            self._refused(batch, InternalError(f"sending failed: {error!r}"))
        else:
            with self._lock:
                self._lane(batch[0]).go_on()
            for draft in batch:
                self._known(draft.terms.options.group)
                draft.accepted.settle()
                self._done(draft)

    def _ready(self, draft: Draft) -> bool:
        """Register the draft's function if need be; False if that failed."""
        try:
            self._functions.resolve(draft.terms.function)
        except YonderError as error:
            self.fail(draft, error)
            return False
        except Exception as error:
            log.exception("registering failed")
            self.fail(draft, InternalError(f"registering the function failed: {error!r}"))
            return False
        return True

    def _post(self, batch: list[Draft]) -> None:
        parts: list[Buffer] = []
        for draft in batch:
            parts.extend(draft.encode(*self._functions.resolve(draft.terms.function)))
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        request = Request("POST", "/v1/bundles", body, TYPE_FRAMES, quick=True)
        answer = self._transport.send(request)
        taken = {bundle["id"] for bundle in read_json(answer)["bundles"]}
        missing = [draft.id for draft in batch if draft.id not in taken]
        if missing:
            raise Unavailable(f"the service did not confirm bundle {missing[0]}")

    def _slow_down(self, batch: list[Draft], error: LimitReached) -> None:
        """The endpoint or the service is full: send the same again later, and less at a time."""
        if not all(draft.waits for draft in batch):
            self._part(batch, error)
            return
        pause = error.retry_after or backoff.delay(4)
        with self._lock:
            lane = self._lane(batch[0])
            first = lane.refusal is None
            lane.rest(batch, time.monotonic() + pause, error)
        if first:
            log.warning("the service takes no more tasks for now, waiting: %s", error)

    def _part(self, batch: list[Draft], error: LimitReached) -> None:
        """Some do not wait: each of them fails by itself, if it does."""
        if len(batch) == 1:
            self.fail(batch[0], error)
            return
        for draft in batch:
            if not draft.waits:
                self._send([draft])
        waiting = [draft for draft in batch if draft.waits]
        if waiting:
            self._send(waiting)

    def _refused(self, batch: list[Draft], error: YonderError) -> None:
        """All of a request is refused for the sake of one: find that one."""
        if len(batch) == 1 and isinstance(error, NotFound) and batch[0].renew():
            self._send(batch)
            return
        if len(batch) == 1 or isinstance(error, _WHOLE):
            for draft in batch:
                self.fail(draft, error)
            return
        for draft in batch:
            self._send([draft])

    def fail(self, draft: Draft, error: BaseException) -> None:
        """Give up a draft that room was held for."""
        draft.fail(error)
        self._done(draft)

    def _done(self, draft: Draft) -> None:
        with self._lock:
            self._let_go(draft)
        draft.clear()

    def _let_go(self, draft: Draft) -> None:
        self._lanes.change(self._lane(draft), -draft.held_tasks, -draft.held)
        draft.held = draft.held_tasks = 0
        self._room.notify_all()

    # -- the end ---------------------------------------------------------

    def flush(self, timeout: Optional[float] = None) -> bool:
        """Wait until everything queued was accepted or refused; False if that took too long."""
        with self._lock:
            return self._room.wait_for(lambda: not self._lanes.tasks, timeout)

    def close(self) -> None:
        """Take nothing more. What is queued is still sent, unless the service is full."""
        with self._lock:
            self._closed = True
            self._work.notify_all()
            self._room.notify_all()
