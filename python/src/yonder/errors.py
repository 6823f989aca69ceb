"""What can go wrong, one class per code of the service.

Codes are for programs, messages for people; the table is that of ``docs/errors.md``.
"""

from __future__ import annotations

from typing import Any, Optional

from yonder.warning import OfflineWarning, SameMinorWarning

__all__ = [
    "YonderError",
    "PackError",
    "CaptureError",
    "CodecMismatch",
    "UnpackError",
    "RestoreError",
    "RemoteError",
    "RemoteTraceback",
    "TaskFailed",
    "SameMinorWarning",
    "OfflineWarning",
    "error_for",
]


class YonderError(Exception):
    """Base of every error that this package raises on its own account.

    ``code`` names the kind of failure and ``field`` the part of a request
    that is to blame, if there is one. ``status`` is the HTTP status of the
    service's answer, ``retry_after`` the seconds it asked to wait, where it
    answered at all.
    """

    code = "internal"
    status: Optional[int] = None
    retry_after: Optional[float] = None

    def __init__(
        self,
        message: str = "",
        *,
        code: Optional[str] = None,
        field: Optional[str] = None,
        status: Optional[int] = None,
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status
        self.field = field

    @property
    def message(self) -> str:
        """The sentence for people."""
        return str(self.args[0]) if self.args else ""


class TaskOutcome:
    """What an error of a task knows about where it came from.

    ``endpoint`` is the endpoint's id and ``endpoint_name`` its name, where that is
    known; ``worker`` names the process. ``stdout`` and ``stderr`` are the end of
    what the task wrote. The function's own exceptions, which are of any class,
    have the same under their attribute ``remote``.
    """

    task_id: str = ""
    endpoint: str = ""
    endpoint_name: str = ""
    attempt: int = 0
    worker: str = ""
    stdout: str = ""
    stderr: str = ""

    @property
    def place(self) -> str:
        """Which try at which task it was and where, in words; empty if that is not known."""
        parts = [f"task {self.task_id}"] if self.task_id else []
        parts += [f"attempt {self.attempt}"] if self.attempt else []
        where = self.endpoint_name or self.endpoint
        parts += [f"endpoint {where}"] if where else []
        parts += [f"worker {self.worker}"] if self.worker else []
        return ", ".join(parts)


class TaskFailed(YonderError, TaskOutcome):
    """Base of the failures of the platform to run a task, as opposed to the function's own."""

    def __str__(self) -> str:
        return f"{self.message} ({self.place})" if self.place else self.message


class RemoteTraceback(Exception):
    """The traceback of the process that ran the task, as the cause of its exception.

    ``text`` is the traceback. ``note`` is added where this Python cannot add notes
    to the exception itself, which it can from 3.11 on.
    """

    note = ""

    def __init__(self, text: str, values: object = None) -> None:
        super().__init__(text)
        self.text = text
        self.values = values  # that a generator had yielded, as they travelled

    def __str__(self) -> str:
        note = f"\n{self.note}" if self.note else ""
        return f'\n"""\n{self.text.rstrip()}\n"""{note}'


class InternalError(YonderError):
    """A bug in Yonder."""


class InvalidRequest(YonderError, ValueError):
    """A request is malformed; the message names the part."""

    code = "invalid_request"


class InvalidID(InvalidRequest):
    """An id does not have the form of a UUID."""

    code = "invalid_id"


class InvalidArguments(YonderError, TypeError):
    """The arguments do not fit the function's signature."""

    code = "invalid_arguments"


class InvalidConfig(YonderError, ValueError):
    """A configuration file or variable is wrong; the message names the field."""

    code = "invalid_config"


class Unauthenticated(YonderError):
    """No token was given, or the service does not know it."""

    code = "unauthenticated"


class TokenExpired(Unauthenticated):
    """The token's time is over."""

    code = "token_expired"


class TokenRevoked(Unauthenticated):
    """The token was revoked."""

    code = "token_revoked"


class Forbidden(YonderError):
    """The identity may not do this."""

    code = "forbidden"


class NotFound(YonderError, LookupError):
    """There is no such thing, or this identity may not see it."""

    code = "not_found"


class Conflict(YonderError):
    """The request contradicts what is stored already."""

    code = "conflict"


class TooLarge(YonderError):
    """A payload is over the configured limit."""

    code = "too_large"


class LimitReached(YonderError):
    """A queue or a quota is full.

    ``limit`` names it, ``current`` is what counts against it and ``maximum`` what it
    allows, where the service said so.
    """

    code = "limit_reached"
    limit: str = ""
    current: int = 0
    maximum: int = 0


class UnsupportedWire(YonderError):
    """The two sides share no version of the wire format."""

    code = "unsupported_wire"


class MalformedFrame(YonderError):
    """Bytes on a connection are not a message of the wire format."""

    code = "malformed_frame"


class PackError(YonderError, TypeError):
    """An argument, a function or a result cannot be packed; the message names it."""

    code = "unserialisable"


class CaptureError(PackError):
    """A function cannot travel; the message says which part and what to do."""


class CodecMismatch(YonderError):
    """A payload was packed in a way that this Python must not load."""

    code = "codec_mismatch"


class UnpackError(CodecMismatch):
    """A payload is damaged, or refers to something that does not exist here."""


class RestoreError(CodecMismatch):
    """A function cannot be rebuilt here: syntax, or a module that is missing."""


class RemoteError(YonderError, TaskOutcome):
    """The function raised an exception whose class does not exist here.

    Attributes: ``type`` and ``module`` name the original class, ``message``
    is its text and ``traceback`` the remote traceback as text.
    """

    code = "function_failed"

    def __init__(
        self, message: str = "", *, type: str = "", module: str = "", traceback: str = ""
    ) -> None:
        super().__init__(message)
        self.type = type
        self.module = module
        self.traceback = traceback


class ShellError(RemoteError):
    """The command of a shell function with ``check`` ended with another return code.

    ``result`` is its ShellResult all the same.
    """

    result: Any = None


class TaskLost(TaskFailed):
    """The last allowed attempt was lost with its worker, node or endpoint."""

    code = "task_lost"


class TaskCancelled(TaskFailed):
    """The task was cancelled."""

    code = "task_cancelled"


class TaskExpired(TaskFailed):
    """The submitter's give-up time passed before a result came."""

    code = "task_expired"


class WalltimeExceeded(TaskFailed):
    """The task ran longer than its walltime and was stopped."""

    code = "walltime_exceeded"


class WorkerFailed(TaskFailed):
    """The worker process ended while it ran the task."""

    code = "worker_failed"


class NoInterpreter(TaskFailed):
    """The endpoint has no Python interpreter that fits the function."""

    code = "no_interpreter"


class UnsupportedKind(TaskFailed):
    """The endpoint does not run functions of this kind."""

    code = "unsupported_kind"


class EndpointBroken(TaskFailed):
    """The endpoint gave up after its blocks or workers kept failing to start; it says why."""

    code = "endpoint_broken"


class ResultExpired(YonderError):
    """The result's retention time is over."""

    code = "result_expired"


class SessionFenced(YonderError):
    """Another agent has taken over the endpoint."""

    code = "session_fenced"


class Unavailable(YonderError, ConnectionError):
    """The service cannot be reached, or is starting or stopping."""

    code = "unavailable"


class Timeout(YonderError, TimeoutError):
    """The answer did not come within the time allowed."""

    code = "timeout"


class StorageFull(YonderError):
    """The disk or the database is full."""

    code = "storage_full"


class StorageCorrupt(YonderError):
    """A state file is damaged."""

    code = "storage_corrupt"


class PortInUse(YonderError):
    """Another program listens on the address."""

    code = "port_in_use"


class InsecureListen(YonderError):
    """Listening beyond this machine needs TLS."""

    code = "insecure_listen"


class AlreadyRunning(YonderError):
    """The daemon runs already."""

    code = "already_running"


class NotRunning(YonderError):
    """The daemon is not running."""

    code = "not_running"


def _by_code() -> dict[str, type[YonderError]]:
    """The classes by code; a class that shares its parent's code is not listed."""
    found: dict[str, type[YonderError]] = {"internal": InternalError}
    waiting = list(YonderError.__subclasses__())
    while waiting:
        cls = waiting.pop(0)
        found.setdefault(cls.code, cls)
        waiting.extend(cls.__subclasses__())
    return found


BY_CODE = _by_code()


def error_for(
    code: str, message: str, field: Optional[str] = None, status: Optional[int] = None
) -> YonderError:
    """The exception for an error of the service or a worker.

    A code that this version does not know becomes ``InternalError`` with that code.
    The message names the field.
    """
    if field and field not in message:
        message = f"{field}: {message}"
    cls: Any = BY_CODE.get(code, InternalError)
    if cls is RemoteError:
        return RemoteError(message)
    error: YonderError = cls(message, code=code, field=field, status=status)
    return error
