"""What the service knows, as typed values made from its JSON.

Fields that this version does not know are ignored, missing ones have their
default, so a client works with services that are older or newer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from typing import Any, Callable, Optional, TypeVar

from yonder.client.options import number
from yonder.errors import InvalidRequest

M = TypeVar("M", bound="Model")

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")


def parse_time(text: str) -> datetime:
    """RFC 3339 to a datetime in UTC; digits below microseconds are cut off."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time")
    second, fraction, zone = match.groups()
    zone = "+00:00" if zone == "Z" else zone
    micros = (fraction or "0")[:6].ljust(6, "0")
    return datetime.fromisoformat(f"{second}.{micros}{zone}").astimezone(timezone.utc)


class Model:
    """Base of the values below."""

    @classmethod
    def from_json(cls: type[M], value: dict[str, Any]) -> M:
        """Make one from decoded JSON."""
        known: dict[str, Any] = {}
        for f in fields(cls):  # type: ignore[arg-type]  # every subclass is a dataclass
            found = value.get(f.name)
            if found is not None and f.init:
                read = f.metadata.get("read")
                known[f.name] = read(found) if read else found
        return cls(**known)


def _read(read: Callable[[Any], Any]) -> dict[str, Any]:
    """Metadata of a field that JSON does not have as it is."""
    return {"read": read}


AT = _read(parse_time)


@dataclass(frozen=True)
class Limits(Model):
    """What fits, in bytes: a larger payload than ``inline_bytes`` is uploaded first."""

    inline_bytes: int = 64 << 10
    payload_bytes: int = 512 << 20
    request_bytes: int = 16 << 20
    bundle_tasks: int = 65_536


@dataclass(frozen=True)
class VersionInfo(Model):
    """The service's version and what it can do."""

    version: str = ""
    wire_oldest: int = 1
    wire_newest: int = 1
    limits: Limits = field(default_factory=Limits, metadata=_read(Limits.from_json))


@dataclass(frozen=True)
class Identity(Model):
    """Who acts or is allowed: ``kind`` is person, service or group."""

    id: str = ""
    name: str = ""
    kind: str = ""
    admin: bool = False
    members: list[str] = field(default_factory=list)
    created: Optional[datetime] = field(default=None, metadata=AT)


@dataclass(frozen=True)
class Token(Model):
    """A token; ``secret`` is set only in the answer that made it, and not shown."""

    id: str = ""
    identity: str = ""
    endpoint: Optional[str] = None
    label: str = ""
    scopes: list[str] = field(default_factory=list)
    expires: Optional[datetime] = field(default=None, metadata=AT)
    revoked: Optional[datetime] = field(default=None, metadata=AT)
    last_used: Optional[datetime] = field(default=None, metadata=AT)
    created: Optional[datetime] = field(default=None, metadata=AT)
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class WhoAmI(Model):
    """The identity behind the client's token, and the token."""

    identity: Identity = field(default_factory=Identity, metadata=_read(Identity.from_json))
    token: Token = field(default_factory=Token, metadata=_read(Token.from_json))


@dataclass(frozen=True)
class Param(Model):
    """A parameter; ``kind`` as inspect names it, in lower case."""

    name: str = ""
    kind: str = ""
    required: bool = False


@dataclass(frozen=True)
class Signature(Model):
    """What a call's arguments must fit."""

    params: list[Param] = field(
        default_factory=list, metadata=_read(lambda values: [Param.from_json(v) for v in values])
    )


@dataclass(frozen=True)
class Requirements(Model):
    """What a function needs where it runs: ``python`` like "3.11", importable ``packages``.

    ``walltime`` is for how many seconds a task may run that does not say itself; 0: any time.
    """

    python: str = ""
    packages: list[str] = field(default_factory=list)
    walltime: float = 0.0

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Requirements:
        """Make one from decoded JSON, whose names carry units."""
        return super().from_json({**value, "walltime": value.get("walltime_s") or 0.0})


@dataclass(frozen=True)
class Retry(Model):
    """When a lost attempt is followed by another; what is None is left to the service.

    ``max_attempts`` is how often a task may start: with 1 it never starts twice.
    ``on`` names the causes after which it is tried again, of "task_lost",
    "worker_failed" and "walltime_exceeded"; the first two by default. It rests
    ``backoff`` seconds before the second attempt and ``factor`` times as long before
    each further one, ``max_backoff`` seconds at most. An exception that the function
    raises is a result, and never tried again.
    """

    max_attempts: Optional[int] = None
    on: tuple[str, ...] = field(default=(), metadata=_read(tuple))
    backoff: Optional[float] = None
    factor: Optional[float] = None
    max_backoff: Optional[float] = None

    def __post_init__(self) -> None:
        number("max_attempts", self.max_attempts, least=1, whole=True)
        number("backoff", self.backoff, least=0)
        number("factor", self.factor, least=1)
        number("max_backoff", self.max_backoff, unit=" of seconds")
        if isinstance(self.on, str):
            raise InvalidRequest(f"on={self.on!r}: pass a list of causes", field="on")
        object.__setattr__(self, "on", tuple(self.on))  # a list would have no hash

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Retry:
        """Make one from decoded JSON, whose names carry units."""
        names = {"backoff_s": "backoff", "backoff_factor": "factor", "backoff_max_s": "max_backoff"}
        return super().from_json({names.get(name, name): v for name, v in value.items()})

    def to_json(self) -> dict[str, Any]:
        """What is set, as the service names it."""
        values = {
            "max_attempts": self.max_attempts,
            "on": list(self.on),
            "backoff_s": self.backoff,
            "backoff_factor": self.factor,
            "backoff_max_s": self.max_backoff,
        }
        return {name: value for name, value in values.items() if value}


def check_retry(retry: Optional[Retry]) -> None:
    """Raise InvalidRequest for what is no policy."""
    if retry is not None and not isinstance(retry, Retry):
        raise InvalidRequest(f"retry={retry!r}: pass a yonder.Retry", field="retry")


@dataclass(frozen=True)
class Sharing(Model):
    """Who besides the owner may use a thing: everyone, or these identities."""

    everyone: bool = False
    identities: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Memo(Model):
    """Whose kept results answer equal calls: ``scope`` "private", "shared", or "" for none."""

    scope: str = ""
    generation: int = 0


@dataclass(frozen=True)
class Function(Model):
    """Registered code; a version never changes.

    An ``anonymous`` one was submitted and not registered: only its id leads to it,
    and it goes when it was not ``used`` for long.
    """

    id: str = ""
    name: str = ""
    version: int = 0
    kind: str = "python"
    hash: str = ""
    owner: str = ""
    owner_name: str = ""
    description: str = ""
    docstring: str = ""
    signature: Optional[Signature] = field(default=None, metadata=_read(Signature.from_json))
    requirements: Requirements = field(
        default_factory=Requirements, metadata=_read(Requirements.from_json)
    )
    sharing: Sharing = field(default_factory=Sharing, metadata=_read(Sharing.from_json))
    retry: Retry = field(default_factory=Retry, metadata=_read(Retry.from_json))
    memo: Memo = field(default_factory=Memo, metadata=_read(Memo.from_json))
    created: Optional[datetime] = field(default=None, metadata=AT)
    anonymous: bool = False
    used: Optional[datetime] = field(default=None, metadata=AT)


@dataclass(frozen=True)
class EndpointStatus(Model):
    """What an agent last said about itself; ``trouble`` is why nothing moves."""

    managers: int = 0
    blocks: int = 0
    slots: int = 0
    busy: int = 0
    held: int = 0
    trouble: str = ""


@dataclass(frozen=True)
class Pause(Model):
    """An endpoint is given no work; if ``drain``, its agent lets its nodes go, too."""

    drain: bool = False
    exit: bool = False
    reason: str = ""
    since: Optional[datetime] = field(default=None, metadata=AT)


@dataclass(frozen=True)
class Endpoint(Model):
    """A named place that runs functions."""

    id: str = ""
    name: str = ""
    owner: str = ""
    owner_name: str = ""
    description: str = ""
    sharing: Sharing = field(default_factory=Sharing, metadata=_read(Sharing.from_json))
    functions: list[str] = field(default_factory=list)
    online: bool = False
    session: str = ""
    epoch: int = 0
    last_seen: Optional[datetime] = field(default=None, metadata=AT)
    capabilities: dict[str, Any] = field(default_factory=dict)
    status: Optional[EndpointStatus] = field(default=None, metadata=_read(EndpointStatus.from_json))
    paused: Optional[Pause] = field(default=None, metadata=_read(Pause.from_json))
    queued: int = 0
    outstanding: int = 0
    created: Optional[datetime] = field(default=None, metadata=AT)


@dataclass(frozen=True)
class Task(Model):
    """One invocation; ``code`` and ``message`` say why it failed."""

    id: str = ""
    group: str = ""
    function: str = ""
    version: int = 0
    endpoint: str = ""
    owner: str = ""
    label: str = ""
    state: str = ""
    attempt: int = 0
    priority: int = 0
    submitted: Optional[datetime] = field(default=None, metadata=AT)
    started: Optional[datetime] = field(default=None, metadata=AT)
    finished: Optional[datetime] = field(default=None, metadata=AT)
    code: str = ""
    message: str = ""
    cancel_requested: bool = False
    memo: str = ""  # the task whose kept result this is


@dataclass(frozen=True)
class Cancelled(Model):
    """What a cancel did: tasks ended at once, being stopped, and ended before.

    What became of those that were being stopped stands in their records later.
    """

    cancelled: int = 0
    stopping: int = 0
    done: int = 0
    next: str = ""

    def __add__(self, more: Cancelled) -> Cancelled:
        return Cancelled(
            self.cancelled + more.cancelled,
            self.stopping + more.stopping,
            self.done + more.done,
            more.next,
        )


@dataclass(frozen=True)
class Step(Model):
    """One link of the chain from submission to result.

    ``state`` is done, now, waiting or failed; ``data`` has the same as ``text`` for programs.
    """

    step: str = ""
    state: str = ""
    since: Optional[datetime] = field(default=None, metadata=AT)
    until: Optional[datetime] = field(default=None, metadata=AT)
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Explanation(Model):
    """Why a task or an endpoint is where it is: ``summary`` in a sentence, ``next`` what to do.

    A prompt shows it as it is printed.
    """

    task: str = ""
    endpoint: str = ""
    state: str = ""
    summary: str = ""
    next: str = ""
    steps: list[Step] = field(
        default_factory=list, metadata=_read(lambda values: [Step.from_json(v) for v in values])
    )
    asked: Optional[datetime] = field(default=None, metadata=AT)

    def __str__(self) -> str:
        lines = [self.summary, *(["next: " + self.next] if self.next else [])]
        return "\n".join(lines + [f"  {s.state:<8}{s.step:<10}{s.text}" for s in self.steps])

    __repr__ = __str__


@dataclass(frozen=True)
class Blob(Model):
    """A payload that travels by itself; ``size`` in bytes, ``sha256`` in hex."""

    id: str = ""
    size: int = 0
    sha256: str = ""
