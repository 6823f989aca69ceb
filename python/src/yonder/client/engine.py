"""What moves tasks and results for one client: threads, queues, connections."""

from __future__ import annotations

import contextlib
import logging
import os
from typing import Any

from yonder.client import blobs, ids
from yonder.client.crew import Crew
from yonder.client.draft import Draft, Terms
from yonder.client.functions import Functions
from yonder.client.future import Future
from yonder.client.http import Transport
from yonder.client.inbox import Inbox
from yonder.client.models import Explanation, Limits
from yonder.client.running import Running
from yonder.client.sender import Sender
from yonder.client.sinks import Chunk, Sink
from yonder.client.stream import Stream
from yonder.client.waiting import Waiting
from yonder.client.withdraw import Withdrawals
from yonder.errors import TooLarge, YonderError
from yonder.wire import Buffer

log = logging.getLogger("yonder.client")


class Engine:
    """Sends tasks and resolves their futures. Safe for any number of threads.

    Threads: one sends, one receives, up to four upload, up to four download and cancel.
    All are daemons and start when they are needed.
    """

    __yonder_stays_here__ = True

    def __init__(
        self, transport: Transport, limits: Limits, queue_tasks: int, queue_bytes: int
    ) -> None:
        self.pid = os.getpid()
        self.limits = limits
        self.transport = transport
        self.functions = Functions(transport)
        self.running = Running(transport)
        self.waiting = Waiting(transport)
        crew = Crew("yonder-transfer")
        self._uploaders = Crew("yonder-upload")  # they may wait for long: results do not
        self.inbox = Inbox(self.fetch, crew)
        self.stream = Stream(transport, self.inbox)
        self.withdrawals = Withdrawals(transport, crew)
        self.sender = Sender(
            transport,
            self.functions,
            limits,
            self._expect,
            self.stream.follow,
            queue_tasks=queue_tasks,
            queue_bytes=queue_bytes,
        )

    # -- out -------------------------------------------------------------

    def submit(self, terms: Terms, future: Future[Any], payload: Buffer) -> None:
        """Send one task. Waits while too much is waiting to be sent; raises TooLarge."""
        self.check_size(payload)
        if len(payload) <= self.sender.inline:
            self.sender.add(terms, future, payload)
            return
        draft = Draft(terms)
        draft.add(future, b"")
        self._send_large(draft, payload)

    def submit_chunk(self, terms: Terms, chunk: Chunk, payload: Buffer) -> None:
        """Send a bundle that was packed as one payload."""
        self.check_size(payload)
        draft = Draft(terms, chunk)
        if len(payload) > self.sender.inline:
            draft.put(b"")
            self._send_large(draft, payload)
            return
        draft.put(payload)
        self.sender.hold(draft, chunk.tasks, len(payload))
        self.sender.put(draft)

    def check_size(self, payload: Buffer) -> None:
        """Raise TooLarge for what the service would refuse."""
        if len(payload) > self.limits.payload_bytes:
            raise TooLarge(
                f"the arguments take {len(payload)} bytes, {self.limits.payload_bytes} are "
                "allowed: pass a reference to the data instead of the data"
            )

    def _send_large(self, draft: Draft, payload: Buffer) -> None:
        self.sender.hold(draft, draft.tasks, len(payload))
        self._uploaders.run(lambda: self._upload(draft, payload))

    def _upload(self, draft: Draft, payload: Buffer) -> None:
        futures = [draft.chunk] if draft.chunk is not None else draft.calls
        try:
            if not all(future.cancelled() for future in futures):
                draft.blobs["0"] = blobs.upload(self.transport, payload)
            self.sender.put(draft)
        except YonderError as error:
            self.sender.fail(draft, error)
        except Exception as error:
            log.exception("an upload failed")
            self.sender.fail(draft, error)

    def _expect(self, draft: Draft, sink: Sink) -> None:
        """A draft is about to be sent: connect meanwhile, if there is no connection."""
        group, bundle = draft.terms.options.group, draft.id
        self.inbox.expect(group, bundle, sink)
        self.stream.start()
        draft.accepted.when_settled(
            lambda accepted: None if accepted else self.inbox.forget(group, bundle)
        )

    # -- back ------------------------------------------------------------

    def fetch(self, blob: dict[str, Any]) -> Buffer:
        """Download a blob."""
        return blobs.download(self.transport, blob, self.limits.payload_bytes)

    def withdraw(self, future: Future[Any]) -> None:
        """Stop a cancelled future's tasks, once the service has them."""
        if self.sender.unsent(future) or future._place is None:
            return
        bundle, index = future._place
        task = None if isinstance(future, Chunk) else ids.task_id(bundle, index)

        def stop(accepted: bool) -> None:
            if accepted and task is not None:
                self.withdrawals.tasks([task])
            elif accepted:
                self.withdrawals.bundle(bundle)

        future.accepted.when_settled(stop)

    def is_running(self, future: Future[Any]) -> bool:
        """Whether one of the future's tasks has started, as the service knows it."""
        if future._place is None or not future.accepted.is_set():
            return False
        running = self.running.tasks(future.group)
        if not isinstance(future, Chunk):
            return future.task_id in running
        bundle, missing = future._place[0], set(future.missing())
        places = map(ids.bundle_of, running)
        return any(place[0] == bundle and place[1] in missing for place in places)

    def explain(self, future: Future[Any]) -> Explanation:
        """What the service says; before it has the task, what is known here."""
        task = future.task_id
        if task is None or not future.accepted.done():
            return Explanation(task=task or "", summary=self.waits_for(future))
        path = f"/v1/tasks/{task}/explain"
        return Explanation.from_json(self.transport.json("GET", path))

    def long_wait(self, future: Future[Any]) -> None:
        """Somebody has waited long for the future: say what for."""
        if future._place is None or not future.accepted.is_set():
            log.warning("still waiting: %s", self.waits_for(future))
            return
        self.waiting.tell(_first_task(future), lambda: self.waits_for(future))

    def waits_for(self, future: Future[Any], ask: bool = False) -> str:
        """What a future waits for, as the end of a sentence; ``ask`` the service, if it may cost.

        Reaches no further than the service's answer: it does not repeat the question.
        """
        task = future.task_id
        trouble = self.sender.trouble or self.transport.trouble
        because = f" ({trouble})" if trouble else ""
        if task is None:
            return f"the task waits to be sent{because}"
        if not future.accepted.done():
            return f"task {task} is being sent{because}"
        if self.stream.trouble:
            return (
                f"the service has task {task}, and there is no connection for results "
                f"({self.stream.trouble}); it is being tried again"
            )
        if ask:
            with contextlib.suppress(YonderError):
                return self.waiting.reason(_first_task(future))
        return f"the service has task {task} and no result yet: `yonder explain {task}` says why"

    # -- the end ---------------------------------------------------------

    def close(self, timeout: float) -> bool:
        """Send what is queued, for ``timeout`` seconds at most, and stop.

        False if something was not accepted. Futures without a result stay so.
        """
        sent = self.sender.flush(timeout)
        self.withdrawals.flush(min(timeout, 5.0))
        self.sender.close()
        self.stream.close()
        self.transport.close()
        return sent


def _first_task(future: Future[Any]) -> str:
    """The id of the future's task, of a chunk's first one without an outcome."""
    assert future._place is not None, "it was sent"
    missing = future.missing() if isinstance(future, Chunk) else []
    bundle, index = future._place
    return ids.task_id(bundle, missing[0] if missing else index)
