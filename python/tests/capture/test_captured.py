"""What is known about a captured function, and that its bytes are stable."""

from __future__ import annotations

import functools
import json
import sys
from typing import Any

import pytest

from interpreters import interpreters, run
from programs import helpers
from yonder import capture
from yonder.capture.bundle import Bundle


def everything(a, /, b, *rest, c, d=1, **more):  # type: ignore[no-untyped-def]  # a user's function
    """First line.

    More.
    """
    return a, b, rest, c, d, more


def test_signature_names_every_kind() -> None:
    found = capture.capture(everything).signature
    assert found is not None
    assert [(p["name"], p["kind"], p["required"]) for p in found["params"]] == [
        ("a", "positional_only", True),
        ("b", "positional_or_keyword", True),
        ("rest", "var_positional", False),
        ("c", "keyword_only", True),
        ("d", "keyword_only", False),
        ("more", "var_keyword", False),
    ]


def test_builtin_without_signature_has_none() -> None:
    assert capture.capture(max).signature is None


def test_docstring_name_and_source_are_for_people() -> None:
    captured = capture.capture(everything)
    assert captured.docstring == "First line.\n\nMore."
    assert captured.name == "everything"
    assert captured.source.startswith("def everything(")
    assert captured.python is None
    assert captured.reasons == ()


@pytest.mark.parametrize(
    ("fn", "name"),
    [
        (lambda x: x, "<lambda>"),
        (functools.partial(everything, 1), "everything"),
        (helpers.Reading, "Reading"),
        (helpers.Reading(1).scaled, "scaled"),
        (len, "len"),
    ],
)
def test_every_callable_has_a_name(fn: Any, name: str) -> None:
    assert capture.capture(fn).name == name


def uses_pytest(x: Any) -> Any:
    import pytest.approx  # noqa: F401  # only its name matters

    return json.dumps(x)


def test_packages_are_what_must_be_installed() -> None:
    assert capture.capture(uses_pytest).packages == ("pytest",)
    assert capture.capture(helpers.visible).packages == ()


def test_nothing_of_this_machine_is_in_the_body() -> None:
    body = capture.capture(helpers.decorated).body.decode()
    assert "helpers.py" in body
    assert str(helpers.__file__) not in body
    assert "/" not in json.loads(body)["nodes"][0]["file"]


def test_hash_is_the_same_in_every_process() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import helpers; from yonder import capture; "
        "print(capture.capture(helpers.decorated).hash, capture.capture(helpers.Reading).hash)"
    )
    folder = str(helpers.__file__).rpartition("/")[0]
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if minor not in interpreters():
        pytest.skip(f"no other Python {minor}")
    assert len({run(minor, "-c", program, folder) for _ in range(3)}) == 1


def test_bundle_reads_back_as_it_was() -> None:
    body = capture.capture(helpers.decorated).body
    assert Bundle.load(body).dump() == body


def test_restored_keeps_state_between_calls() -> None:
    """As a module does: a warm worker may cache in globals."""
    namespace: dict[str, Any] = {}
    exec("count = 0\ndef up():\n    global count\n    count += 1\n    return count", namespace)
    with pytest.warns(UserWarning, match="bytecode"):
        function = capture.restore(capture.capture(namespace["up"]).body)
    assert [function(), function()] == [1, 2]
    assert namespace["count"] == 0


def test_decorator_of_ours_is_taken_off() -> None:
    captured = capture.capture(decorated_by_us)
    assert captured.name == "decorated_by_us"
    assert capture.restore(captured.body)(3) == 6


class OurDecorator:
    """Stands for what the client makes of a function."""

    __yonder_stays_here__ = True

    def __init__(self, fn: Any) -> None:
        self.__yonder_function__ = fn

    __yonder_function__: Any = None


@OurDecorator
def decorated_by_us(x: int) -> int:
    # On the worker the name is the function itself.
    return 2 + decorated_by_us(x - 1) if x else 0  # type: ignore[operator]  # as above


def test_line_numbers_and_lines_are_those_of_the_file() -> None:
    import traceback

    function = capture.restore(capture.capture(raises).body)
    with pytest.raises(ZeroDivisionError) as caught:
        function(0)
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert frame.filename == "test_captured.py"
    assert frame.lineno == raises.__code__.co_firstlineno + 1
    assert frame.line == "return 1 / x  # this line"


def raises(x: int) -> float:
    return 1 / x  # this line
