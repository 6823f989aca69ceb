"""funcX's exceptions, and how Yonder's become them.

What a user has to set right before any request can be made (no service
configured, a damaged login file, an id that is none) stays Yonder's error,
whose message says what to do.
"""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Iterator
from typing import NoReturn, Optional

from yonder import errors as yonder_errors
from yonder.errors import RemoteError, RemoteTraceback, YonderError

__all__ = [
    "FuncxError",
    "FuncxAPIError",
    "FuncXUnreachable",
    "FuncxTaskExecutionFailed",
    "MaxResultSizeExceeded",
    "SerializationError",
    "TaskPending",
    "VersionMismatch",
]


class FuncxError(Exception):
    """Base class of the exceptions of this package."""


class FuncxAPIError(FuncxError):
    """The service refused a request: ``http_status``, Yonder's ``code`` and ``message`` say why."""

    def __init__(self, http_status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.code = code
        self.message = message


class FuncXUnreachable(FuncxError):
    """The service cannot be reached."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class VersionMismatch(FuncxError):
    """This package and the service cannot speak to each other."""

    def __init__(self, version_message: str) -> None:
        super().__init__(version_message)
        self.version_message = version_message


class SerializationError(FuncxError):
    """A function, an argument or a result cannot be packed or unpacked."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class TaskPending(FuncxError):
    """There is no result yet."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MaxResultSizeExceeded(FuncxError):
    """Never raised: Yonder has no such limit of its own, a payload limit is a FuncxAPIError.

    It is here so that programs which catch it can be imported.
    """


class FuncxTaskExecutionFailed(FuncxError):
    """The task has no value: its function raised, or it could not be run.

    ``remote_data`` is the remote traceback, or the reason, as text; the exception itself is
    ``__cause__``, and ``reraise()`` raises it. ``completion_t`` is the time of the result in
    seconds of Unix time, as text, if it is known.
    """

    def __init__(self, remote_data: str, completion_t: Optional[str] = None) -> None:
        super().__init__(remote_data, completion_t)
        self.remote_data = remote_data
        self.completion_t = completion_t

    def __str__(self) -> str:
        return "\n" + textwrap.indent(self.remote_data, "    ")

    def reraise(self) -> NoReturn:
        """Raise what the function raised, as funcX did before 1.0."""
        raise self.__cause__ or self


def failed(error: BaseException, completion_t: Optional[str] = None) -> FuncxTaskExecutionFailed:
    """The error of a task as funcX's, with the original as its cause."""
    new = FuncxTaskExecutionFailed(_remote_data(error), completion_t)
    new.__cause__ = error
    return new


def _remote_data(error: BaseException) -> str:
    cause = error.__cause__
    text = cause.text if isinstance(cause, RemoteTraceback) else ""
    if not text and isinstance(error, RemoteError):
        text = error.traceback
    return text.rstrip() or f"{type(error).__name__}: {error}"


def of_task(error: BaseException) -> bool:
    """Whether an error is a task's outcome, as opposed to why that cannot be had."""
    return hasattr(error, "remote") or not isinstance(error, YonderError)


def translate(error: YonderError) -> Exception:
    """Yonder's error as funcX's; the same where funcX has none."""
    message = str(error)
    if isinstance(error, yonder_errors.UnsupportedWire):
        return VersionMismatch(message)
    if isinstance(error, (yonder_errors.PackError, yonder_errors.CodecMismatch)):
        return SerializationError(message)
    if error.status is not None:
        return FuncxAPIError(error.status, error.code, message)
    if isinstance(error, yonder_errors.Unavailable):
        return FuncXUnreachable(message)
    if isinstance(error, yonder_errors.Timeout):
        return TaskPending(message)
    return error


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Within it, errors of Yonder are raised as funcX's."""
    try:
        yield
    except YonderError as error:
        new = translate(error)
        if new is error:
            raise
        raise new from error
