"""Results of all groups that this client waits for, brought to their futures."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from typing import Any, Callable, Optional

from yonder import wire
from yonder.client import outcomes
from yonder.client.crew import Crew
from yonder.client.future import Entry
from yonder.client.sinks import Outcome, Sink
from yonder.errors import MalformedFrame, YonderError, error_for
from yonder.wire import Buffer

log = logging.getLogger("yonder.client")

Fetch = Callable[[dict[str, Any]], Buffer]

# Errors that end the reading of one group, and not the stream.
_FINAL = ("not_found", "forbidden", "result_expired")


class Group:
    """A group's place in its stream, and where the outcomes of its bundles go.

    All entries up to ``cursor`` have been dealt with. ``followed`` says that the
    stream is subscribed to it, or will be when it is connected again.
    """

    def __init__(self) -> None:
        self.cursor = 0
        self.followed = False
        self.sinks: dict[str, Sink] = {}


class Inbox:
    """Groups and their sinks. Safe for any number of threads.

    ``fetch`` downloads a blob; that happens in the crew, not in the caller.
    ``names`` are those of endpoints by their ids, as far as they are known.
    """

    def __init__(self, fetch: Fetch, crew: Crew) -> None:
        self.names: dict[str, str] = {}
        self._fetch = fetch
        self._crew = crew
        self._lock = threading.Lock()
        self._groups: dict[str, Group] = {}

    def expect(self, group: str, bundle: str, sink: Sink) -> None:
        """Take outcomes of a bundle into a sink from now on."""
        with self._lock:
            self._groups.setdefault(group, Group()).sinks[bundle] = sink

    def forget(self, group: str, bundle: str) -> None:
        """No outcomes of the bundle will come."""
        with self._lock:
            if group in self._groups:
                self._groups[group].sinks.pop(bundle, None)

    def start_at(self, group: str, cursor: int) -> None:
        """Skip a group's results up to a cursor: they are not waited for here."""
        with self._lock:
            state = self._groups.setdefault(group, Group())
            state.cursor = max(state.cursor, cursor)

    def join(self, group: str, cursor: int) -> None:
        """Skip the results that a group has already, unless some of it are waited for here."""
        with self._lock:
            state = self._groups.setdefault(group, Group())
            if not state.sinks:
                state.cursor = max(state.cursor, cursor)

    def begin(self, group: str) -> tuple[bool, int]:
        """Mark a group as followed. Returns whether it was not, and where to subscribe."""
        with self._lock:
            state = self._groups.setdefault(group, Group())
            new, state.followed = not state.followed, True
            return new, state.cursor

    def leave(self, group: str) -> bool:
        """Forget a group unless somebody waits for it; True if it was followed."""
        with self._lock:
            state = self._groups.get(group)
            if state is None or state.sinks:
                return False
            del self._groups[group]
            return state.followed

    def waiting(self) -> int:
        """How many bundles are waited for."""
        with self._lock:
            return sum(len(state.sinks) for state in self._groups.values())

    def resume(self) -> list[tuple[str, int]]:
        """Where a new connection subscribes: the groups that somebody waits for."""
        with self._lock:
            for state in self._groups.values():
                state.followed = state.followed and bool(state.sinks)
            return [(name, state.cursor) for name, state in self._groups.items() if state.followed]

    # -- what comes ------------------------------------------------------

    def take(self, data: Buffer) -> None:
        """Deal with one message of the stream.

        Raises the service's error if the message is one that ends the stream.
        """
        frame = wire.decode(data)
        if frame.kind == wire.Kind.ERROR:
            self._take_error(frame.header)
        elif frame.kind == wire.Kind.RESULT:
            page = frame.header
            with self._lock:
                state = self._groups.get(page["group"])
                after = state.cursor if state is not None else 0
            self.deliver(page, frame.columns, after)
            self.start_at(page["group"], page["cursor"])
        else:
            raise MalformedFrame(f"the stream of results has no messages of kind {frame.kind}")

    def _take_error(self, header: dict[str, Any]) -> None:
        error = error_for(str(header.get("code")), str(header.get("message")), header.get("field"))
        with self._lock:
            state = self._groups.get(error.field or "")
            if state is None or error.code not in _FINAL:
                raise error
            sinks = list(state.sinks.values())
            del self._groups[error.field or ""]
        log.warning("group %s cannot be followed: %s", error.field, error)
        for sink in sinks:
            sink.fail(error)

    def deliver(self, page: dict[str, Any], columns: Iterable[Buffer], after: int = 0) -> None:
        """Bring the entries of a page after the cursor to their sinks."""
        group, bundle, sink = page["group"], "", None
        for entry, payload in zip(page["entries"], columns):
            if entry["cursor"] <= after:
                continue
            try:
                if entry["bundle"] != bundle:
                    bundle = entry["bundle"]
                    sink = self._sink(group, bundle)
                if sink is not None:  # else somebody else's, or all of it was there before
                    self._deliver(group, sink, entry, payload)
            except Exception:  # the others must get theirs
                log.exception("a result of bundle %s cannot be delivered", entry.get("bundle"))

    def _sink(self, group: str, bundle: str) -> Optional[Sink]:
        with self._lock:
            state = self._groups.get(group)
            return state.sinks.get(bundle) if state is not None else None

    def _deliver(self, group: str, sink: Sink, entry: Entry, payload: Buffer) -> None:
        entry["endpoint_name"] = self.names.get(entry.get("endpoint") or "")
        blob = entry.get("blob")
        if blob:
            self._crew.run(lambda: self._fetched(group, sink, entry, blob))
        else:
            self._fill(group, sink, entry, outcomes.read(entry, payload))

    def _fetched(self, group: str, sink: Sink, entry: Entry, blob: dict[str, Any]) -> None:
        found: Sequence[Outcome]
        try:
            found = outcomes.read(entry, self._fetch(blob))
        except YonderError as error:
            found = outcomes.unreadable(entry, error)
        self._fill(group, sink, entry, found)

    def _fill(self, group: str, sink: Sink, entry: Entry, found: Sequence[Outcome]) -> None:
        if sink.fill(entry["lo"], found, entry):
            self.forget(group, entry["bundle"])
