"""What is said about exceptions whose cause is the place."""

from __future__ import annotations

import json
import sys

import pytest

from yonder import codec
from yonder.codec.prefix import SIZE
from yonder.worker.advice import advise


def advised(raises) -> BaseException:
    try:
        raises()
    except BaseException as error:
        advise(error)
        return error
    raise AssertionError("nothing was raised")


def missing():
    import nosuchpackage.part  # noqa: F401


def part():
    import json.nosuchpart  # noqa: F401


def undefined():
    return nosuchname  # noqa: F821


def unbound():
    print(local)  # noqa: F821
    local = 1  # noqa: F841


@pytest.mark.parametrize(
    ("raises", "says"),
    [
        (
            missing,
            "has no package 'nosuchpackage': install it there, for instance with: "
            f"{sys.executable} -m pip install nosuchpackage",
        ),
        (part, "has 'json' without 'json.nosuchpart': its version there is another one"),
        (undefined, "and 'nosuchname' was not there: define or import it before"),
    ],
)
def test_advice(raises, says):
    error = advised(raises)
    assert says in error.__notes__[-1]
    payload = json.loads(codec.pack_error(error)[SIZE:])
    assert says in payload["notes"][-1]
    assert payload["traceback"].count(says) == 1, "also where Python does not print notes"


def test_no_advice():
    assert not hasattr(advised(unbound), "__notes__")
    assert not hasattr(advised(lambda: {}["x"]), "__notes__")
