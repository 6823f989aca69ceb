"""Bundles in the making."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple, Optional, Union

from yonder import wire
from yonder.client import ids
from yonder.client.border import fresh
from yonder.client.functions import FunctionRef
from yonder.client.future import Acceptance, Future
from yonder.client.models import Retry, check_retry
from yonder.client.options import number
from yonder.client.sinks import Chunk, Futures, Sink
from yonder.errors import InvalidRequest
from yonder.wire import Buffer

# What a column costs besides its bytes, and what a bundle costs besides its columns.
COLUMN_BYTES = 4
HEADER_BYTES = 4096


class Options(NamedTuple):
    """How the tasks of an executor are to be run; None leaves it to the service.

    ``walltime``, ``give_up_after`` and ``retention`` are in seconds, ``python`` is like
    "3.11", ``when_full`` is "wait" or "raise".
    """

    endpoint: str
    group: str
    label: Optional[str] = None
    priority: int = 0
    max_attempts: Optional[int] = None
    walltime: Optional[float] = None
    give_up_after: Optional[float] = None
    python: Optional[str] = None
    retention: Optional[float] = None
    when_full: str = "wait"
    retry: Optional[Retry] = None
    fresh: bool = False

    def checked(self) -> Options:
        """These options; raises InvalidRequest for a value that makes no sense."""
        if self.label is not None and not isinstance(self.label, str):
            raise InvalidRequest(f"label={self.label!r} is not a text", field="label")
        number("priority", self.priority, whole=True)
        number("max_attempts", self.max_attempts, least=1, whole=True)
        number("walltime", self.walltime, unit=" of seconds")
        number("give_up_after", self.give_up_after, unit=" of seconds")
        number("retention", self.retention, unit=" of seconds")
        if self.when_full not in ("wait", "raise"):
            raise InvalidRequest(
                f'when_full={self.when_full!r} is neither "wait" nor "raise"', field="when_full"
            )
        check_retry(self.retry)
        if not isinstance(self.fresh, bool):
            raise InvalidRequest(f"fresh={self.fresh!r} is neither True nor False", field="fresh")
        if self.python is not None and not _MINOR.fullmatch(str(self.python)):
            raise InvalidRequest(
                f'python={self.python!r} is no minor version: write it like "3.11"', field="python"
            )
        return self


_MINOR = re.compile(r"3\.\d{1,2}")


class Terms(NamedTuple):
    """What the tasks of one bundle have in common."""

    function: FunctionRef
    options: Options
    python: str
    positional: int
    keywords: tuple[str, ...]


class Draft:
    """A bundle until it is accepted. Made and filled under the sender's lock.

    Closing it drops the futures that were cancelled and numbers the others.
    ``size`` is the bytes it takes of a request, ``held`` what it took of the queue.
    """

    def __init__(self, terms: Terms, chunk: Optional[Chunk] = None) -> None:
        self.terms = terms
        self.id = ids.new_bundle_id()
        self.accepted = Acceptance()
        self.chunk = chunk
        self.calls: list[Future[Any]] = []
        self.payloads: list[Buffer] = []
        self.blobs: dict[str, dict[str, Any]] = {}
        self.size = HEADER_BYTES
        self.held = 0
        self.held_tasks = 0
        self.closed = False
        self.renewed = False
        self.give_up_at: Optional[str] = None
        if chunk is not None:
            chunk.accepted = self.accepted

    @property
    def waits(self) -> bool:
        """Whether it waits where there is no room for it."""
        return self.terms.options.when_full == "wait"

    @property
    def tasks(self) -> int:
        """How many tasks it holds."""
        return self.chunk.tasks if self.chunk is not None else len(self.calls)

    def renew(self) -> bool:
        """Something was not found: once, let its function be made known again.

        The service lets a function go that was not submitted for long.
        """
        first, self.renewed = not self.renewed, True
        if first and self.terms.function.local:
            self.terms.function.registered = None
            return True
        return False

    def add(self, future: Future[Any], payload: Buffer) -> None:
        """Add one task."""
        future.accepted = self.accepted
        self.calls.append(future)
        self.put(payload)

    def put(self, payload: Buffer) -> None:
        """Add a column."""
        self.payloads.append(payload)
        self.size += len(payload) + COLUMN_BYTES

    def close(self) -> Optional[Sink]:
        """Fix what is in it. Returns where its outcomes go, None if all was cancelled."""
        self.closed = True
        after = self.terms.options.give_up_after
        if after is not None:
            at = datetime.fromtimestamp(time.time() + after, timezone.utc)
            self.give_up_at = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return self._close_calls() if self.chunk is None else self._close_chunk(self.chunk)

    def _close_calls(self) -> Optional[Sink]:
        if any(future.cancelled() for future in self.calls):
            live = [i for i, future in enumerate(self.calls) if not future.cancelled()]
            self.calls = [self.calls[i] for i in live]
            self.payloads = [self.payloads[i] for i in live]
        for index, future in enumerate(self.calls):
            future._place = (self.id, index)
        return Futures(dict(enumerate(self.calls))) if self.calls else None

    def _close_chunk(self, chunk: Chunk) -> Optional[Sink]:
        if chunk.cancelled():
            return None
        chunk._place = (self.id, 0)
        return chunk

    def encode(self, function: str, version: int) -> Sequence[Buffer]:
        """The bundle's frame, in parts."""
        return wire.encode(wire.Kind.BUNDLE, self._header(function, version), self.payloads)

    def _header(self, function: str, version: int) -> dict[str, Any]:
        terms, options = self.terms, self.terms.options
        header: dict[str, Any] = {
            "id": self.id,
            "group": options.group,
            "endpoint": options.endpoint,
            "function": function,
            "version": version,
            "tasks": self.tasks,
            "form": "each" if self.chunk is None else "chunk",
            "codec": terms.function.codec,
            "shapes": [{"positional": terms.positional, "keywords": terms.keywords}],
        }
        optional = {
            "python": terms.python,
            "priority": options.priority,
            "walltime_s": options.walltime,
            "give_up_at": self.give_up_at,
            "label": options.label,
            "retention_s": math.ceil(options.retention) if options.retention else None,
            "blobs": self.blobs,
            "fresh": options.fresh,
        }
        header.update({name: value for name, value in optional.items() if value})
        if options.retry is not None:
            header["retry"] = options.retry.to_json()
        if options.max_attempts is not None:
            header.setdefault("retry", {})["max_attempts"] = options.max_attempts
        return header

    def clear(self) -> None:
        """Nothing more will be done with it: let go of futures and payloads."""
        self.chunk, self.calls, self.payloads = None, [], []

    def fail(self, error: BaseException) -> None:
        """It will not be accepted: tell everybody."""
        self.accepted.settle(error)
        futures: Sequence[Union[Future[Any], Chunk]] = [self.chunk] if self.chunk else self.calls
        for future in futures:
            future.fail(fresh(error))
