"""The exceptions are those of the service's table of codes."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from yonder import errors

TABLE = Path(__file__).parents[3] / "code.go"


def table() -> list[tuple[str, str]]:
    """Code and Python class of each row."""
    text = TABLE.read_text(encoding="utf-8")
    codes = dict(re.findall(r"(Code\w+)\s+Code = \"(\w+)\"", text))
    rows = re.findall(r"\{(Code\w+), \d+, \w+, \"(\w+)\", ", text)
    assert len(rows) == len(codes) > 30
    return [(codes[name], python) for name, python in rows]


@pytest.mark.parametrize(("code", "name"), table())
def test_every_code_has_its_class(code: str, name: str) -> None:
    cls = getattr(errors, name)
    assert cls.code == code
    made = errors.error_for(code, "what to do")
    assert type(made) is cls
    assert (made.code, made.message, str(made)) == (code, "what to do", "what to do")


def test_every_class_has_a_code() -> None:
    assert set(errors.BY_CODE) == {code for code, _ in table()}


def test_an_unknown_code() -> None:
    made = errors.error_for("from_the_future", "who knows", "field", 499)
    assert isinstance(made, errors.InternalError)
    assert (made.code, made.field, made.status) == ("from_the_future", "field", 499)


def test_the_message_names_the_field() -> None:
    made = errors.error_for("invalid_request", "expected string", "memo", 400)
    assert (str(made), made.field) == ("memo: expected string", "memo")
    made = errors.error_for("invalid_arguments", 'f() is missing the argument "x"', "x", 422)
    assert str(made) == 'f() is missing the argument "x"'


def test_errors_can_be_pickled() -> None:
    made = errors.error_for("task_lost", "its node is gone", "f", 410)
    again = pickle.loads(pickle.dumps(made))
    assert type(again) is errors.TaskLost
    assert (str(again), again.code, again.field, again.status) == (str(made), "task_lost", "f", 410)
    remote = errors.RemoteError("no", type="T", module="m", traceback="tb")
    again = pickle.loads(pickle.dumps(remote))
    assert (str(again), again.type, again.traceback) == ("no", "T", "tb")


def test_families() -> None:
    assert issubclass(errors.TaskLost, errors.TaskFailed)
    assert issubclass(errors.WalltimeExceeded, errors.TaskFailed)
    assert not issubclass(errors.RemoteError, errors.TaskFailed)
    assert issubclass(errors.Timeout, TimeoutError)
    assert issubclass(errors.NotFound, LookupError)
