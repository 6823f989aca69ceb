"""Outcomes of a run, gathered and sent."""

from __future__ import annotations

import errno
import json
import os
import threading
from contextlib import suppress
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from yonder import codec, wire
from yonder.worker import disk, stdio

if TYPE_CHECKING:
    from yonder.worker.kept import Kept
    from yonder.worker.surroundings import Surroundings

OK, EXCEPTION, FAILED = "ok", "exception", "failed"
# The values of a generator: told as OK, and never joined with other values.
STREAM = "stream"
EACH, CHUNK = "each", "chunk"

# A disk that takes nothing for now, and how often it is tried again, in seconds.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
TRY_EVERY = 0.5

# A frame is sent when it holds this much, long before the limit of frames.
FULL = 4 << 20


def failure(code: str, message: str) -> bytes:
    """The payload of a failed outcome."""
    return json.dumps({"code": code, "message": message}).encode()


# What a listing has room for.
LINE = 300


def in_one_line(payload: bytes) -> str:
    """An exception's type and message, for who only lists tasks."""
    try:
        value = json.loads(payload[codec.prefix.SIZE :])
        text = " ".join(f"{value['type']}: {value['message']}".split())
    except (ValueError, KeyError):  # too odd to be told
        return ""
    return text[:LINE]


class Report:
    """Writes the Ran frames of one run. Who adds or sends holds the lock."""

    def __init__(
        self, stream: wire.Stream, run: dict[str, Any], surroundings: Surroundings, kept: Kept
    ) -> None:
        self.stream = stream
        self.run = run["run"]
        self.inline = run["inline"]
        self.patience = run.get("patience_s", 0.0)
        self.surroundings = surroundings
        self.directory = surroundings.directory
        self.kept = kept
        self.lock = threading.RLock()
        self.sent = monotonic()
        self.clear()

    def quiet(self) -> float:
        """For how many seconds nothing was sent, whatever is done to the clock."""
        return monotonic() - self.sent

    def clear(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.columns: list[wire.Buffer] = []
        self.files: dict[int, str] = {}
        self.size = 0

    def add(
        self, lo: int, hi: int, outcome: str, form: str, payload: bytes, times: tuple[float, float]
    ) -> None:
        """Add the outcome of the tasks lo..hi; a large payload goes to a file."""
        message = in_one_line(payload) if outcome == EXCEPTION else ""
        if len(payload) > self.inline:
            try:
                self.files[len(self.entries)] = self.to_file(lo, payload)
                payload = b""
            except OSError as e:
                outcome, form, payload = FAILED, EACH, unwritten(len(payload), e)
        self.entries.append(
            {
                "lo": lo,
                "hi": hi,
                "outcome": OK if outcome is STREAM else outcome,
                "form": form,
                "started_us": int(times[0] * 1e6),
                "finished_us": int(times[1] * 1e6),
            }
        )
        if outcome == EXCEPTION:
            self.entries[-1]["message"] = message
        self.columns.append(payload)
        self.size += len(payload)
        if self.size >= FULL:
            self.flush()

    def to_file(self, lo: int, payload: bytes) -> str:
        """Write a payload beside the others; the manager takes the file away.

        While the disk takes nothing, this waits: the call is not made again for
        a result that only finds no room. What it waits for is told as output.
        """
        path = os.path.join(self.directory, f"result-{self.run}-{lo}")
        until = monotonic() + self.patience
        told = False
        while True:
            try:
                disk.whole(path, payload)
                return path
            except OSError as e:
                if e.errno not in NO_ROOM or monotonic() >= until:
                    raise
                if not told:
                    told = True
                    tell(f"yonder: a result of {len(payload)} bytes waits for room: {e}")
            sleep(TRY_EVERY)

    def flush(self, last: bool = False) -> None:
        """Send what there is. All output so far belongs to it, so that goes first."""
        with self.lock:
            if not self.entries and not last:
                return
            self.surroundings.check()
            stdio.flush()
            header = {"run": self.run, "entries": self.entries, "files": self.files, "last": last}
            self.stream.send(wire.Kind.RAN, header, self.columns)
            self.sent = monotonic()
            self.clear()
            self.kept.clear()


def tell(text: str) -> None:
    """Write a line to the task's error output, if the task has left it open."""
    with suppress(OSError):
        os.write(2, f"{text}\n".encode())


def unwritten(size: int, error: OSError) -> bytes:
    """Why a result could not be kept."""
    code = "storage_full" if error.errno in NO_ROOM else "internal"
    return failure(code, f"the result of {size} bytes could not be written on the worker: {error}")
