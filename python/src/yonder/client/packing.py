"""Calls as payloads, and what a bundle has to say about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yonder.client import payloads
from yonder.client.calls import Calls
from yonder.client.draft import Options, Terms
from yonder.client.functions import FunctionRef
from yonder.errors import CodecMismatch


def pack_call(
    ref: FunctionRef, options: Options, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Terms, bytes]:
    """One call's payload and terms; raises PackError naming what cannot be packed."""
    payload = payloads.pack_call(args, kwargs, ref.names, ref.codec)
    python = _python(ref, options, payload)
    keywords = tuple(sorted(kwargs)) if kwargs else ()
    return Terms(ref, options, python, len(args), keywords), payload


def pack_chunk(ref: FunctionRef, options: Options, calls: Calls) -> tuple[Terms, bytes]:
    """The same for many calls with the same number of arguments, in one payload."""
    payload = payloads.pack_calls(calls, ref.names, ref.codec)
    return Terms(ref, options, _python(ref, options, payload), len(calls.columns), ()), payload


def _python(ref: FunctionRef, options: Options, payload: bytes) -> str:
    """The one Python minor version that may run it, empty for any."""
    if ref.codec == "json":
        return ""  # Python has nothing to do with it
    carried = payloads.python_of(payload)
    if not (ref.python or carried or options.python):
        return ""
    wanted = {
        "the function": ref.python,
        "the arguments, which carry code,": carried,
        "the executor": options.python,
    }
    given = {who: version for who, version in wanted.items() if version}
    if len(set(given.values())) > 1:
        listed = " and ".join(f"{who} needs {version}" for who, version in given.items())
        raise CodecMismatch(f"no Python version fits: {listed}")
    return next(iter(given.values()))
