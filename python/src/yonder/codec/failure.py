"""Exceptions as payloads: always readable, and the original class where it exists."""

from __future__ import annotations

import base64
import functools
import os
import pickle
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Optional

import yonder
from yonder.capture.pickling import PROTOCOL
from yonder.capture.restore import Restored
from yonder.codec import body
from yonder.codec.chunk import join_stream, unpack_result
from yonder.codec.prefix import SIZE, Buffer, Prefix, check
from yonder.errors import RemoteError, RemoteTraceback, UnpackError

# An error is for reading; what a program needs belongs into a result.
_MAX_TEXT = 64 << 10
_MAX_PICKLE = 256 << 10
# What a generator yielded before it raised: no more than a service's limit of
# payloads is likely to allow, or the exception would not come through.
_MAX_YIELDED = 4 << 20
_MAX_CHAIN = 20
# Frames between the worker and the function.
_NOT_THEIRS = (
    os.path.dirname(os.path.abspath(yonder.__file__)) + os.sep,
    os.path.join(os.path.dirname(os.__file__), "asyncio") + os.sep,
)


def pack_error(error: BaseException, yielded: Sequence[bytes] = (), codec: str = "pickle") -> bytes:
    """The payload of an exception that a function raised. Pack while the function is active.

    ``yielded`` are the packed values that a generator yielded before. Never fails: what
    cannot be packed is left out.
    """
    value: dict[str, Any] = {
        **_describe(error),
        "traceback": _shorten(_traceback(error)),
        "notes": [_shorten(str(note)) for note in getattr(error, "__notes__", ())][:_MAX_CHAIN],
        "causes": [_describe(cause) for cause in _causes(error)],
        "pickle": _pickled(error),
    }
    if yielded:
        kept = _first(yielded)
        value["values"] = _joined(kept, codec)
        if len(kept) < len(yielded):
            value["notes"].append(
                f"of the {len(yielded)} values that it had yielded, the first {len(kept)} are kept "
                f"({_MAX_YIELDED >> 20} MiB)"
            )
    return Prefix("json").dump() + body.to_json(value, "the error")


def _first(values: Sequence[bytes]) -> Sequence[bytes]:
    """Those of the values that are kept."""
    size = 0
    for at, value in enumerate(values):
        size += len(value)
        if size > _MAX_YIELDED:
            return values[:at]
    return values


def _joined(values: Sequence[bytes], codec: str) -> Any:
    """What is JSON as such; of anything else the payload, in base64."""
    payload = join_stream(values, codec)
    if codec == "json":
        return body.from_json(memoryview(payload)[SIZE:])
    return base64.b64encode(payload).decode("ascii")


def yielded(error: BaseException) -> list[Any]:
    """The values that a generator had yielded before it raised the unpacked error."""
    cause = error.__cause__
    values = cause.values if isinstance(cause, RemoteTraceback) else None
    if isinstance(values, str):
        values = unpack_result(base64.b64decode(values))
    return values if isinstance(values, list) else []


def _describe(error: BaseException) -> dict[str, str]:
    cls = type(error)
    try:
        message = str(error)
    except Exception as broken:  # a __str__ of the user's own
        message = f"<its message cannot be had: {broken!r}>"
    return {"type": cls.__qualname__, "module": str(cls.__module__), "message": _shorten(message)}


def _causes(error: BaseException) -> list[BaseException]:
    """The exceptions behind one, nearest first."""
    found: list[BaseException] = []
    step: Optional[BaseException] = error
    while step is not None and len(found) < _MAX_CHAIN:
        context = None if step.__suppress_context__ else step.__context__
        step = step.__cause__ or context
        if step is None or step in found or step is error:
            break
        found.append(step)
    return found


def _traceback(error: BaseException) -> str:
    """The traceback's text without the worker's own frames at its beginning."""
    for part in (error, *_causes(error)):
        part.__traceback__ = _trim(part.__traceback__)
    try:
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        if sys.version_info < (3, 11):  # which do not print notes
            lines += [f"{note}\n" for note in getattr(error, "__notes__", ())]
        return "".join(lines)
    except Exception as broken:  # again a __str__ of the user's own
        return f"<the traceback cannot be had: {broken!r}>"


def _trim(whole: Optional[TracebackType]) -> Optional[TracebackType]:
    """What follows the call of the function; everything if it was not called by us."""
    step = whole
    while step is not None and step.tb_frame.f_code is not Restored.__call__.__code__:
        step = step.tb_next
    while step is not None and step.tb_frame.f_code.co_filename.startswith(_NOT_THEIRS):
        step = step.tb_next
    return step or whole


def _shorten(text: str) -> str:
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if len(text) <= _MAX_TEXT:
        return text
    half = _MAX_TEXT // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def _pickled(error: BaseException) -> Optional[str]:
    """Base64 of a pickle that is known to load, or None."""
    for value in (error, (_rebuild, (type(error), error.args, dict(vars(error))))):
        try:
            data = pickle.dumps(value, PROTOCOL)
            if len(data) <= _MAX_PICKLE and isinstance(_load(data), type(error)):
                return base64.b64encode(data).decode("ascii")
        except Exception:  # whatever it is, the text is still there
            continue
    return None


def _rebuild(cls: Any, args: tuple[Any, ...], state: dict[str, Any]) -> BaseException:
    """An exception without its ``__init__``, which may take other arguments than it keeps."""
    error: BaseException = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


def _load(data: bytes) -> BaseException:
    value = body.unpickle(data, body.plain())
    if isinstance(value, tuple):
        make, parts = value
        value = make(*parts)
    if not isinstance(value, BaseException):
        raise UnpackError("not an exception")
    return value


def unpack_error(data: Buffer) -> BaseException:
    """The exception to raise in place of the remote one.

    It is of the original class if that exists here, else a RemoteError named
    like it. Its ``__cause__`` shows the remote traceback. What would end this
    program (SystemExit, KeyboardInterrupt) is always a RemoteError.
    """
    check(data, False)
    value = body.from_json(memoryview(data)[SIZE:])
    if not isinstance(value, dict):
        raise UnpackError("the payload is not that of an error")
    text = str(value.get("traceback") or "")
    error = _original(value) or _stand_in(value, text)
    error.__cause__ = RemoteTraceback(text, value.get("values"))
    _add_notes(error, value.get("notes") or ())
    return error


def _original(value: dict[str, Any]) -> Optional[BaseException]:
    try:
        error = _load(base64.b64decode(value.get("pickle") or ""))
    except Exception:  # not importable here: the stand-in has all there is to read
        return None
    named = (type(error).__module__, type(error).__qualname__)
    ours = isinstance(error, Exception) and named == (value.get("module"), value.get("type"))
    return error if ours else None


def _stand_in(value: dict[str, Any], text: str) -> RemoteError:
    kind, module = str(value.get("type")), str(value.get("module"))
    message = str(value.get("message") or "")
    return _class_like(module, kind)(message, type=kind, module=module, traceback=text)


@functools.lru_cache(maxsize=256)
def _class_like(module: str, kind: str) -> type[RemoteError]:
    name = kind.rpartition(".")[2]
    return type(name, (RemoteError,), {"__module__": module, "__doc__": RemoteError.__doc__})


def _add_notes(error: BaseException, notes: Any) -> None:
    if sys.version_info >= (3, 11):
        for note in notes:
            if note not in getattr(error, "__notes__", ()):
                error.add_note(str(note))
