"""Exceptions: the class that was raised where it exists, the text always."""

from __future__ import annotations

import base64
import json
import pickle
import sys
from typing import Any

import pytest

from programs import refused
from yonder import capture, codec
from yonder.codec.prefix import SIZE
from yonder.errors import RemoteError, RemoteTraceback


def packed(error: BaseException) -> Any:
    return json.loads(codec.pack_error(error)[SIZE:])


def raised(fn: Any, *args: Any) -> bytes:
    """The payload of what a captured function raises."""
    function = capture.restore(capture.capture(fn).body)
    with function.active():
        try:
            function(*args)
        except BaseException as error:
            return codec.pack_error(error)
    raise AssertionError("it did not raise")


def test_own_exception_comes_back_as_itself() -> None:
    error = codec.unpack_error(raised(refused.fails))
    assert type(error) is refused.Trouble
    assert str(error) == "7: hint"
    assert error.code == 7


def test_remote_traceback_is_the_cause() -> None:
    error = codec.unpack_error(raised(refused.fails))
    assert isinstance(error.__cause__, RemoteTraceback)
    text = error.__cause__.text
    assert text.startswith("Traceback (most recent call last):\n")
    assert 'refused.py", line' in text
    assert "return fails(depth - 1)" in text
    assert "KeyError: 'inner'" in text
    assert "direct cause" in text
    assert text.rstrip().endswith("Trouble: 7: hint")
    assert "restore.py" not in text
    assert "yonder" not in text


def test_payload_is_for_everybody_to_read() -> None:
    data = raised(refused.fails)
    assert codec.read_prefix(data).codec == "json"
    value = json.loads(data[SIZE:])
    assert (value["type"], value["module"]) == ("Trouble", "programs.refused")
    assert value["message"] == "7: hint"
    assert value["causes"] == [{"type": "KeyError", "module": "builtins", "message": "'inner'"}]


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x", 1),
        KeyError("k"),
        FileNotFoundError(2, "No such file", "/a"),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"),
        StopIteration(3),
        ZeroDivisionError(),
        json.JSONDecodeError("m", "doc", 1),
    ],
    ids=repr,
)
def test_known_exceptions_come_back(error: Exception) -> None:
    got = codec.unpack_error(codec.pack_error(error))
    assert type(got) is type(error)
    assert str(got) == str(error)
    assert got.args == error.args


def test_class_that_does_not_exist_here_has_a_stand_in() -> None:
    value = packed(refused.Trouble(1, "x"))
    value.update(module="gone.away", type="Outer.Lost")
    value["pickle"] = base64.b64encode(b"cgone.away\nLost\n.").decode()
    got = codec.unpack_error(b"Y1j\0\3\11\0\0" + json.dumps(value).encode())
    assert isinstance(got, RemoteError)
    assert type(got).__name__ == "Lost"
    assert (got.module, got.type, got.message) == ("gone.away", "Outer.Lost", "1: x")
    assert str(got) == "1: x"
    assert got.traceback == got.__cause__.text
    assert got.code == "function_failed"


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=repr)
def test_what_would_end_this_program_does_not(error: BaseException) -> None:
    got = codec.unpack_error(codec.pack_error(error))
    assert isinstance(got, RemoteError)
    assert got.type == type(error).__name__


class Unpicklable(Exception):
    def __init__(self) -> None:
        super().__init__("m")
        self.stream = sys.stderr


class Broken(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


def test_nothing_keeps_an_error_from_being_packed() -> None:
    value = packed(Unpicklable())
    assert value["pickle"] is None
    assert isinstance(codec.unpack_error(codec.pack_error(Unpicklable())), RemoteError)
    assert "cannot be had" in packed(Broken())["message"]
    looped = ValueError("a")
    looped.__cause__ = KeyError("b")
    looped.__cause__.__cause__ = looped
    assert len(packed(looped)["causes"]) == 1


def test_errors_are_bounded() -> None:
    data = codec.pack_error(ValueError("x" * 10_000_000))
    assert len(data) < 400_000
    assert "characters left out" in json.loads(data[SIZE:])["message"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="notes came with 3.11")
def test_notes_come_along() -> None:
    error = ValueError("x")
    error.add_note("remember")
    assert codec.unpack_error(codec.pack_error(error)).__notes__ == ["remember"]


def test_local_exception_class_has_a_stand_in() -> None:
    got = codec.unpack_error(raised(raises_local))
    assert isinstance(got, RemoteError)
    assert str(got) == "inside"
    assert pickle.loads(pickle.dumps(RemoteError("m"))).args == ("m",)


def raises_local() -> None:
    class Local(Exception):
        pass

    raise Local("inside")


def test_what_a_generator_yielded_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yonder.codec.failure._MAX_YIELDED", 1 << 20)
    values = [codec.pack_value(bytes([n]) * (400 << 10)) for n in range(4)]
    data = codec.pack_error(ValueError("enough"), values)
    assert codec.yielded(codec.unpack_error(data)) == [b"\0" * (400 << 10), b"\1" * (400 << 10)]
    assert json.loads(data[SIZE:])["notes"] == [
        "of the 4 values that it had yielded, the first 2 are kept (1 MiB)"
    ]
