"""Where the client meets the codec: calls to payloads, payloads to outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yonder import codec
from yonder.client import shell
from yonder.client.calls import Calls
from yonder.wire import Buffer

# The flag in a payload's prefix that says that it carries bytecode.
_ONLY = 1
# The codec's letter in a prefix.
_JSON = ord("j")


def pack_call(
    args: Sequence[Any], kwargs: Mapping[str, Any], names: Sequence[str], how: str = "pickle"
) -> bytes:
    """One call's payload in a codec; PackError says which argument cannot be packed."""
    if how == "json":
        args = shell.plain(args)
        kwargs = {name: shell.plain(value) for name, value in kwargs.items()}
    return codec.pack_args(args, kwargs, how, names)


def pack_calls(calls: Calls, names: Sequence[str], how: str = "pickle") -> bytes:
    """One payload for many calls with positional arguments."""
    if how == "pickle":
        payload = codec.pack_columns(calls.columns)
        if payload is not None:
            return payload
    rows: Sequence[Any] = calls.rows()
    if how == "json":
        rows = shell.plain(rows)
    return codec.pack_chunk([(row, {}) for row in rows], how, names)


def python_of(payload: bytes) -> str:
    """The one Python minor version that may load the payload, empty for any."""
    return f"{payload[4]}.{payload[5]}" if payload[3] & _ONLY else ""


def value(payload: Buffer) -> Any:
    """A result's value."""
    value = codec.unpack_result(payload)
    return shell.result_of(value) if payload[2] == _JSON else value


def values(payload: Buffer) -> Sequence[Any]:
    """The values of a chunk; each may fail to load when it is asked for."""
    return codec.unpack_chunk(payload)


def error(payload: Buffer) -> BaseException:
    """The exception that a function raised, with the remote traceback as its cause."""
    return shell.error_of(payload, codec.unpack_error)
