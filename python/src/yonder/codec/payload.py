"""Payloads of one call, and of one result."""

from __future__ import annotations

import functools
import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

from yonder.capture.pickling import PROTOCOL, explain
from yonder.codec import body, prefix
from yonder.codec.body import Code, LoadsCode
from yonder.codec.prefix import SIZE, Buffer, Prefix, code_of
from yonder.codec.views import LARGE
from yonder.errors import CaptureError, PackError, UnpackError

Call = tuple[Sequence[Any], Mapping[str, Any]]

# Values of these very types refer to no code, and nothing can be wrong with them.
_CODELESS = frozenset((int, float, complex, bool, str, bytes, type(None)))


def pack_args(
    args: Sequence[Any],
    kwargs: Optional[Mapping[str, Any]] = None,
    codec: str = "pickle",
    names: Sequence[str] = (),
) -> bytes:
    """The payload of one call.

    Classes and functions of the user's own travel along by source. ``names``
    are the function's positional parameters, for messages. Raises PackError
    naming the argument that cannot be packed.
    """
    if codec == "pickle" and _CODELESS.issuperset(map(type, args)) and not kwargs:
        if sum(map(sys.getsizeof, args)) < LARGE:
            return _head(codec) + pickle.dumps((tuple(args), {}), PROTOCOL)
        return body.pickled(_head(codec), (tuple(args), {}))
    code = Code()
    data = pack_call((args, kwargs or {}), codec, code, names)
    return code.finish(codec) + data


def pack_call(
    call: Call, codec: str, code: Code, names: Sequence[str] = (), where: str = ""
) -> bytes:
    """One call's bytes without a prefix; ``code`` collects what it refers to."""
    args, kwargs = tuple(call[0]), dict(call[1])
    code_of(codec)
    if codec == "json":
        return body.to_json({"args": list(args), "kwargs": kwargs}, f"{where}the arguments")
    if codec == "raw":
        if len(args) != 1 or kwargs:
            raise PackError("the codec 'raw' takes exactly one positional argument, bytes")
        return body.to_raw(args[0], f"{where}argument 0")
    try:
        return code.pickle((args, kwargs))
    except Exception as error:
        raise blame(args, kwargs, names, where, error) from error


def blame(
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    names: Sequence[str],
    where: str,
    error: Exception,
) -> PackError:
    """The error that names the first argument which cannot be packed by itself."""
    titles = [f"argument {i}" + (f" ({n!r})" if n else "") for i, n in _numbered(args, names)]
    pairs = [*zip(titles, args), *((f"argument {name!r}", value) for name, value in kwargs.items())]
    for title, value in pairs:
        try:
            Code().pickle(value)
        except CaptureError as cause:
            return PackError(f"{where}{title} cannot be packed: {cause}")
        except Exception as cause:
            return PackError(f"{where}{title} cannot be packed: {explain(value, cause)}")
    return PackError(f"{where}the arguments cannot be packed: {error}")


def _numbered(args: Sequence[Any], names: Sequence[str]) -> list[tuple[int, str]]:
    return [(at, names[at] if at < len(names) else "") for at in range(len(args))]


def unpack_args(
    data: Buffer, function: Optional[LoadsCode] = None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """``(args, kwargs)`` of a call.

    ``function`` is the restored function that is to be called: code that came
    along with the arguments joins its modules. Load them while it is active.
    """
    found, code, rest = open_payload(data, False, function)
    return unpack_call(rest, found, body.plain(code))


def unpack_call(
    data: Buffer, found: Prefix, unpickler: Callable[..., Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """One call from its bytes without a prefix."""
    if found.codec == "raw":
        return (bytes(data),), {}
    if found.codec == "json":
        value = body.from_json(data)
        if not isinstance(value, dict) or set(value) != {"args", "kwargs"}:
            raise UnpackError('the JSON of a call is {"args": [...], "kwargs": {...}}')
        args, kwargs = value["args"], value["kwargs"]
    else:
        value = body.unpickle(data, unpickler)
        if not isinstance(value, tuple) or len(value) != 2:
            raise UnpackError("the payload is not that of a call")
        args, kwargs = value
    if not isinstance(args, (list, tuple)) or not isinstance(kwargs, dict):
        raise UnpackError("the payload is not that of a call")
    return tuple(args), kwargs


@functools.cache
def _head(codec: str) -> bytes:
    """The prefix of every value that is packed here by a codec."""
    return Prefix(codec).dump()


def pack_value(value: Any, codec: str = "pickle") -> bytes:
    """The payload of a result. Pack while the function is active.

    Classes and functions go by name: the client has its own of the same name.
    """
    head = _head(codec)
    if codec == "pickle" and type(value) in _CODELESS and sys.getsizeof(value) < LARGE:
        return head + pickle.dumps(value, PROTOCOL)
    if codec == "json":
        return head + body.to_json(value, "the result")
    if codec == "raw":
        return head + body.to_raw(value, "the result")
    return body.pickle_by_name(head, value)


_WITHOUT_CODE = body.plain()


def unpack_value(data: Buffer) -> Any:
    """The value of a result."""
    if prefix.is_plain(bytes(data[:SIZE])):
        # Most are bytes, of which a slice is a copy: the only one if they are few.
        few = len(data) < LARGE
        return body.unpickle(data[SIZE:] if few else memoryview(data)[SIZE:], _WITHOUT_CODE)
    found, code, rest = open_payload(data, False, None)
    return unpack_body(rest, found, body.plain(code))


def unpack_body(data: Buffer, found: Prefix, unpickler: Callable[..., Any]) -> Any:
    """One value from its bytes without a prefix."""
    if found.codec == "raw":
        return bytes(data)
    return body.from_json(data) if found.codec == "json" else body.unpickle(data, unpickler)


def open_payload(
    data: Buffer, chunk: bool, function: Optional[LoadsCode]
) -> tuple[Prefix, Optional[Callable[[str], Any]], memoryview]:
    """Check the prefix, then load the code: ``(prefix, look-up, body)``."""
    found = prefix.check(data, chunk)
    code, rest = body.split_code(found, memoryview(data)[SIZE:])
    return found, body.load(code, function), rest
