"""What a task says while it runs: output, progress, a generator's values."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Optional, TypeVar

from urllib3.exceptions import HTTPError

from yonder import codec
from yonder.client import backoff, ids, payloads
from yonder.client.http import Request, Response, Transport, with_query
from yonder.client.models import AT, Model
from yonder.errors import InvalidRequest, MalformedFrame, TaskLost, Timeout, Unavailable

if TYPE_CHECKING:
    from yonder.client.future import Future

T = TypeVar("T")

TYPE_EVENTS = "text/event-stream"


@dataclass(frozen=True)
class Progress(Model):
    """The last that a running task has said with ``yonder.progress``.

    ``total`` is 0 if it is not known; ``at`` is the worker's clock.
    """

    done: float = 0.0
    total: float = 0.0
    message: str = ""
    calls: int = 0
    at: Optional[datetime] = field(default=None, metadata=AT)


@dataclass(frozen=True)
class Event(Model):
    """One thing that a task says, or that happens to it.

    ``event`` is state, output, progress, value, skipped or end. ``text`` is
    output of ``stream`` (stdout or stderr), ``stored`` if it came with the
    result instead of live. ``skipped`` bytes of output, or values, were gone
    before they were read. ``index`` is the number of a generator's value.
    """

    event: str = ""
    attempt: int = 0
    state: str = ""
    stream: str = ""
    text: str = ""
    stored: bool = False
    lo: int = 0
    hi: int = 0
    skipped: int = 0
    index: int = 0
    payload: bytes = field(default=b"", repr=False, metadata={"read": base64.b64decode})
    progress: Optional[Progress] = field(default=None, metadata={"read": Progress.from_json})
    code: str = ""
    message: str = ""

    def __str__(self) -> str:
        """The text; for output that is gone, how much."""
        if self.event == "skipped":
            return f"\n… {self.skipped} {'values' if self.stream == 'value' else 'bytes'} skipped\n"
        return self.text


class Following(Generic[T]):
    """An iterator, for ``for`` and ``async for``. It can be closed at any time.

    At a prompt it shows ``shown``, if there is anything to show already.
    """

    def __init__(
        self, items: Iterator[T], close: Callable[[], None], shown: Optional[str] = None
    ) -> None:
        self._items = items
        self._close = close
        self._shown = shown

    def __repr__(self) -> str:
        if self._shown is not None:
            return self._shown
        return "<what a task says: for piece in …: print(piece, end='')>"

    def __iter__(self) -> Following[T]:
        return self

    def __next__(self) -> T:
        return next(self._items)

    def __aiter__(self) -> Following[T]:
        return self

    async def __anext__(self) -> T:
        for item in await asyncio.to_thread(self._some):
            return item
        raise StopAsyncIteration

    def _some(self) -> list[T]:
        """The next item, or none: StopIteration cannot leave a thread."""
        return [item for _, item in zip(range(1), self._items)]

    def close(self) -> None:
        """Stop following."""
        self._close()

    def __enter__(self) -> Following[T]:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()


def events(transport: Transport, task: str, only: Iterable[str] = ()) -> Following[Event]:
    """Everything that the task says, to its end, over any number of connections."""
    reader = _Reader(transport, task, ",".join(only))
    return Following(reader.events(), reader.close)


def now(
    transport: Transport, task: str, only: Iterable[str] = (), attempt: Optional[int] = None
) -> list[Event]:
    """What the task says at the moment, or has said in an attempt."""
    query = {"only": ",".join(only), "attempt": attempt}
    path = with_query(f"/v1/tasks/{ids.check_id(task)}/logs", query)
    return [Event.from_json(event) for event in transport.json("GET", path)["events"]]


class _Reader:
    """Reads server-sent events, and connects again from the last one."""

    def __init__(self, transport: Transport, task: str, only: str) -> None:
        self.transport = transport
        self.path = f"/v1/tasks/{ids.check_id(task)}/logs"
        self.only = only
        self.last = ""
        self.response: Optional[Response] = None
        self.closed = False

    def close(self) -> None:
        self.closed = True
        if self.response is not None:
            self.response.close()

    def events(self) -> Iterator[Event]:
        failures = 0
        while not self.closed:
            try:
                for event in self.connection():
                    failures = 0
                    yield event
                    if event.event == "end":
                        return
            except Exception as error:
                if self.closed:  # whatever urllib3 says of reading what is closed
                    return
                if not isinstance(error, HTTPError):
                    raise
            # The service was restarted, or something in between has lost patience.
            if self.transport.pause(backoff.delay(failures)):
                raise Unavailable("the client is closed: make another one")
            failures += 1

    def connection(self) -> Iterator[Event]:
        query = {"follow": "true", "only": self.only, "from": self.last}
        request = Request("GET", with_query(self.path, query), accept=TYPE_EVENTS, stream=True)
        self.response = self.transport.send(request)
        try:
            yield from self.parse(self.response)
        finally:
            self.response.close()  # what is left of an endless answer is not worth reading

    def parse(self, found: Iterable[bytes]) -> Iterator[Event]:
        """Events of a stream. The service writes each field as one line, and data last."""
        last = ""
        for line in found:
            name, _, value = line.rstrip(b"\n").partition(b": ")
            if name == b"id":
                last = value.decode()
            elif name == b"data":
                try:
                    event = Event.from_json(json.loads(value))
                except ValueError as error:
                    raise MalformedFrame(f"an event of the task is no JSON: {error}") from None
                self.last = last
                yield event


# -- what futures offer --------------------------------------------------


class StreamRestarted(TaskLost):
    """The attempt whose values were being read was lost, and another one began."""


def place(future: Future[Any]) -> str:
    """The task's id, once the service has it."""
    future.accepted.result()
    assert future.task_id is not None, "an accepted task has an id"
    return future.task_id


def logs(transport: Transport, task: str, follow: bool, attempt: Optional[int]) -> Following[Event]:
    """What the task prints: now, to its end, or in an attempt."""
    if follow and attempt is not None:
        raise InvalidRequest(
            "only the attempt at hand can be followed: leave out attempt, or follow",
            field="attempt",
        )
    if not follow:
        return printed(transport, task, attempt)
    following = events(transport, task, ["output"])
    return Following(output(following), following.close)


def printed(transport: Transport, task: str, attempt: Optional[int] = None) -> Following[Event]:
    """What the task has printed up to now, or had printed in an attempt."""
    pieces = list(output(now(transport, task, ["output"], attempt)))
    text = "".join(map(str, pieces))
    return Following(iter(pieces), lambda: None, text or "<nothing was printed>")


def output(found: Iterable[Event]) -> Iterator[Event]:
    """What of the events a person wants to read of a log."""
    return (event for event in found if event.event in ("output", "skipped"))


def latest(found: Iterable[Event]) -> Optional[Progress]:
    """The progress that was told last."""
    return next((e.progress for e in reversed(list(found)) if e.progress is not None), None)


def call_back(following: Following[Event], callback: Callable[[Progress], object]) -> None:
    """Call back with each progress, on a thread of its own that ends with the task."""

    def run() -> None:
        with following, contextlib.suppress(Unavailable, Timeout):
            for event in following:
                if event.progress is not None:
                    callback(event.progress)

    threading.Thread(target=run, name="yonder-progress", daemon=True).start()


class Values:
    """The values of a generator, each once and in order: live while they can be
    had, and from the result where they could not."""

    def __init__(self, future: Future[Any], following: Following[Event], restart: bool) -> None:
        self.future = future
        self.following = following
        self.restart = restart
        self.attempt = 0
        self.next = 0

    def __iter__(self) -> Iterator[Any]:
        with self.following:
            for event in self.following:
                self.begin(event.attempt)
                if event.event == "skipped" or event.index > self.next:
                    break  # the result will have it
                if event.event == "value" and event.index == self.next:
                    self.next += 1
                    yield payloads.value(event.payload)
                if self.future.state == "succeeded":
                    break  # which is faster than to follow; else values are only there
        try:
            found = self.future.result()
        except Exception as error:
            yield from self.before(error)
            raise
        if not isinstance(found, list):
            raise TypeError(
                f"the function returned {type(found).__name__} and yielded nothing: use result()"
            )
        self.begin(self.future.attempt or self.attempt)
        yield from found[self.next :]

    def before(self, error: Exception) -> Sequence[Any]:
        """What the function had yielded before it raised, and was not read yet."""
        attempt = self.future.attempt or self.attempt
        if attempt != self.attempt and self.next > 0 and not self.restart:
            return ()  # they would follow another attempt's
        self.begin(attempt)
        return codec.yielded(error)[self.next :]

    def begin(self, attempt: int) -> None:
        """Note the attempt that speaks; values of another one are not mixed in."""
        if attempt != self.attempt and self.next > 0:
            if not self.restart:
                raise StreamRestarted(
                    f"attempt {self.attempt} was lost after {self.next} values, and attempt "
                    f"{attempt} begins again: read result() instead, or use "
                    "stream(restart=True) to get its values from the first one on"
                )
            self.next = 0
        self.attempt = attempt
