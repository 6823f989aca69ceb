"""Runs one program's cases: `capture`, then `check` in the same Python, `run` in any.

A case is a function and its arguments; what it returns here must be what a
worker's result says after it has come back.
"""

import asyncio
import base64
import inspect
import json
import pickle
import sys
import traceback
import warnings

from yonder import capture, codec

CASES = {}


def case(*args, **kwargs):
    """Decorator that leaves the function as it is."""

    def register(fn):
        add(fn.__name__, fn, *args, **kwargs)
        return fn

    return register


def add(name, fn, *args, **kwargs):
    assert name not in CASES, name
    CASES[name] = (fn, args, kwargs)


def main():
    """`PROGRAM capture` writes bodies and payloads, `PROGRAM check` reads results."""
    if sys.argv[1] == "capture":
        json.dump({name: _capture(*parts) for name, parts in CASES.items()}, sys.stdout)
    else:
        results = json.load(sys.stdin)
        report = {who: _check_all(found) for who, found in results.items()}
        json.dump(report, sys.stdout)


def _capture(fn, args, kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            captured = capture.capture(fn)
            payload = codec.pack_args(args, kwargs)
        except Exception:
            return {"error": traceback.format_exc()}
    return {
        "body": base64.b64encode(captured.body).decode(),
        "payload": base64.b64encode(payload).decode(),
        "python": captured.python,
    }


def _check_all(found):
    return {name: _check(name, result) for name, result in found.items()}


def _check(name, result):
    """Empty if the result is what the function returns here."""
    if "value" not in result:
        return result["error"]
    fn, args, kwargs = CASES[name]
    # The worker has its own copy of the arguments, so here a copy is called with too.
    args, kwargs = codec_copy((args, kwargs))
    want = fn(*args, **kwargs)
    if inspect.iscoroutine(want):
        want = asyncio.run(want)
    got = codec.unpack_value(base64.b64decode(result["value"]))
    if type(got) is not type(want) or got != want:
        return f"got {got!r} of {type(got)}, want {want!r} of {type(want)}"
    return ""


def codec_copy(value):
    try:
        return pickle.loads(pickle.dumps(value))
    except Exception:
        return value
