"""From an entry of the result stream to values and exceptions."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from yonder import codec
from yonder.client import ids, payloads
from yonder.client.future import Entry
from yonder.client.sinks import Outcome, Plain, Raised
from yonder.errors import RemoteTraceback, TaskFailed, TaskOutcome, UnpackError, error_for
from yonder.wire import Buffer


@dataclass(frozen=True)
class Remote(TaskOutcome):
    """Where and how an exception was raised: the attribute ``remote`` of it.

    ``traceback`` is the remote traceback's text, empty if the function was not called.
    """

    task_id: str = ""
    endpoint: str = ""
    endpoint_name: str = ""
    attempt: int = 0
    worker: str = ""
    stdout: str = ""
    stderr: str = ""
    traceback: str = ""


def read(entry: Entry, payload: Buffer) -> Sequence[Outcome]:
    """The outcomes of all tasks of an entry.

    Whatever is wrong with a payload becomes the outcome of its tasks.
    """
    try:
        if entry["outcome"] == "ok":
            return _values(entry, payload)
    except Exception as error:
        return unreadable(entry, error)
    return [
        Raised(explain(_error(entry, payload), entry, i)) for i in range(entry["lo"], entry["hi"])
    ]


def of_json(result: dict[str, Any], fetch: Callable[[dict[str, Any]], Buffer]) -> Any:
    """The value of a result in JSON form, or its exception raised."""
    bundle, index = ids.bundle_of(result["task"])
    entry: Entry = {"lo": index, "hi": index + 1, **result, "bundle": bundle}
    blob = result.get("blob")
    if result["outcome"] == "failed":
        payload: Buffer = json.dumps(result.get("error") or {}).encode()
    else:
        payload = fetch(blob) if blob else base64.b64decode(result.get("payload") or "")
    found = read(entry, payload)[index - entry["lo"]]
    if isinstance(found, Raised):
        raise found.error
    return found


def unreadable(entry: Entry, error: BaseException) -> list[Outcome]:
    """The outcomes of an entry whose payload cannot be had."""
    return [Raised(explain(copy.copy(error), entry, i)) for i in range(entry["lo"], entry["hi"])]


def _values(entry: Entry, payload: Buffer) -> Sequence[Outcome]:
    tasks = entry["hi"] - entry["lo"]
    if entry.get("form") != "chunk":
        return [payloads.value(payload)]
    skip = entry.get("skip") or 0  # values of tasks that had a result already
    values = payloads.values(payload)
    if len(values) < skip + tasks:
        raise UnpackError(f"{len(values) - skip} values came for {tasks} tasks of a chunk")
    if isinstance(values, codec.Scalars) and len(values.columns) == 1:
        return Plain(values.columns[0][skip : skip + tasks])
    return [_value(values, skip + i, entry, entry["lo"] + i) for i in range(tasks)]


def _value(values: Sequence[Any], at: int, entry: Entry, index: int) -> Outcome:
    """One value of a chunk; what is wrong with it concerns its task only."""
    try:
        return values[at]
    except Exception as error:
        return Raised(explain(error, entry, index))


def _error(entry: Entry, payload: Buffer) -> BaseException:
    try:
        if entry["outcome"] == "exception":
            return payloads.error(payload)
        value = json.loads(bytes(payload))
        return error_for(str(value["code"]), str(value.get("message", "")))
    except Exception as error:
        return UnpackError(f"the task failed, and why cannot be read: {error!r}")


def explain(error: BaseException, entry: Entry, index: int) -> BaseException:
    """Attach to an exception which task it comes from, and what that wrote."""
    cause = error.__cause__
    remote = Remote(
        task_id=ids.task_id(entry["bundle"], index),
        endpoint=entry.get("endpoint") or "",
        endpoint_name=entry.get("endpoint_name") or "",
        attempt=entry.get("attempt") or 0,
        worker=entry.get("worker") or "",
        stdout=entry.get("stdout") or "",
        stderr=entry.get("stderr") or "",
        traceback=cause.text if isinstance(cause, RemoteTraceback) else "",
    )
    if isinstance(error, TaskOutcome):
        for field in TaskOutcome.__annotations__:
            setattr(error, field, getattr(remote, field))
    with contextlib.suppress(AttributeError, TypeError):  # an exception with slots
        error.remote = remote  # type: ignore[attr-defined]
    _add_note(error, _note(error, remote))
    return error


def _add_note(error: BaseException, note: str) -> None:
    if not note:
        return
    if sys.version_info >= (3, 11):
        with contextlib.suppress(AttributeError, TypeError):
            error.add_note(note)
    elif isinstance(error.__cause__, RemoteTraceback):
        error.__cause__.note = note


def _note(error: BaseException, remote: Remote) -> str:
    lines = [] if isinstance(error, TaskFailed) else [remote.place]  # its text has it
    for name in ("stdout", "stderr"):
        text: str = getattr(remote, name).rstrip()
        if text:
            lines += [f"its {name} ended with:", *text.splitlines()[-20:]]
    return "\n".join(lines)
