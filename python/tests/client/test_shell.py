"""Shell functions: what is registered, how calls are packed, what comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import yonder
from yonder import codec
from yonder.client import payloads, shell
from yonder.client.calls import Calls
from yonder.client.functions import Functions
from yonder.client.models import Function
from yonder.codec.prefix import SIZE
from yonder.errors import InvalidRequest, PackError

TEMPLATES = Path(__file__).parents[3] / "wire" / "shell" / "testdata" / "templates.json"


@pytest.mark.parametrize(
    "case", json.loads(TEMPLATES.read_text("utf-8")), ids=lambda c: c["template"]
)
def test_templates(case: dict[str, Any]) -> None:
    """Go's table."""
    if "error" in case:
        with pytest.raises(InvalidRequest, match=case["error"]):
            shell.placeholders(case["template"])
        return
    assert set(shell.placeholders(case["template"])) == set(case["names"])


def test_a_body_says_all() -> None:
    fn = yonder.ShellFunction(
        "head -n {n} {file} {more}",
        name="top",
        params={"n": int, "more": list},
        defaults={"n": 10, "more": [Path("/a")]},
        outputs="{file}.out",
        env={"A": "1"},
        stdin="",
        success=[0, 1],
        check=True,
        keep="failed",
        dir="/scratch",
        walltime=2.5,
        tail_lines=5,
    )
    assert fn.names == ("file", "n", "more")
    assert json.loads(fn.body) == {
        "command": "head -n {n} {file} {more}",
        "shell": "sh",
        "params": [
            {"name": "file", "type": "text"},
            {"name": "n", "type": "integer", "default": 10},
            {"name": "more", "type": "list", "default": ["/a"]},
        ],
        "outputs": ["{file}.out"],
        "env": {"A": "1"},
        "stdin": "",
        "success": [0, 1],
        "check": True,
        "keep": "failed",
        "dir": "/scratch",
        "walltime_s": 2.5,
        "tail_lines": 5,
    }
    assert yonder.ShellFunction("LC_ALL=C sort").__name__ == "LC_ALL"
    assert repr(fn) == "ShellFunction('head -n {n} {file} {more}')"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"params": {"y": int}}, "no {y}"),
        ({"defaults": {"y": 1}}, "no {y}"),
        ({"params": {"x": bytes}}, "choose str"),
        ({"stdin": "{"}, "a { without a }"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: dict[str, Any], error: str) -> None:
    with pytest.raises(InvalidRequest, match=error):
        yonder.ShellFunction("echo {x}", **arguments)
    with pytest.raises(TypeError, match="did you mean tail_lines"):
        yonder.ShellFunction("echo", lines=3)
    with pytest.raises(TypeError, match="runs on an endpoint"):
        yonder.ShellFunction("echo")()


class Service:
    """Answers requests of Functions."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.requests: list[tuple[Any, ...]] = []

    def json(self, *request: Any) -> dict[str, Any]:
        self.requests.append(request)
        return {"id": "0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0001", "version": 3, "kind": self.kind}


def test_it_is_registered_once_and_packed_as_json() -> None:
    service = Service("shell")
    functions = Functions(service)  # type: ignore[arg-type]
    ref = functions.ref(yonder.ShellFunction("echo {x}"))
    assert ref is functions.ref(yonder.ShellFunction("echo {x}"))
    assert functions.resolve(ref) == ("0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0001", 3)
    method, path, body = service.requests[0]
    assert (method, path, body["kind"], body["name"]) == ("POST", "/v1/functions", "shell", "echo")
    assert "signature" not in body
    payload = payloads.pack_call((Path("/a"),), {"b": [Path("c"), 1]}, ref.names, ref.codec)
    assert payload[:3] == b"Y1j"
    assert json.loads(payload[SIZE:]) == {"args": ["/a"], "kwargs": {"b": ["c", 1]}}
    chunk = payloads.pack_calls(Calls([[1, 2]]), ref.names, ref.codec)
    assert [args for args, _ in codec.unpack_chunk(chunk)] == [(1,), (2,)]
    with pytest.raises(PackError, match="JSON"):
        payloads.pack_call((object(),), {}, ref.names, ref.codec)


def test_a_registered_function_is_asked_for_its_kind() -> None:
    some = "0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0001"
    for kind, expected in (("shell", "json"), ("python", "pickle")):
        service = Service(kind)
        functions = Functions(service)  # type: ignore[arg-type]
        assert functions.ref(some).codec == expected
        assert functions.ref(some).codec == expected
        assert len(service.requests) == 1, "once"
        assert functions.ref(Function(id=some, name="f", version=2, kind=kind)).codec == expected


RESULT = {
    "kind": "shell_result",
    "cmd": "sort x",
    "returncode": 2,
    "success": False,
    "stdout": "",
    "stderr": "no\nsuch file\n",
    "stderr_omitted": 7,
    "files": [{"name": "a/b", "size": 3, "data": "YQBi"}],
    "later": "than this version",
}


def packed(value: Any) -> bytes:
    return b"Y1j\0\0\0\0\0" + json.dumps(value).encode()


def test_results(tmp_path: Path) -> None:
    result = payloads.value(packed(RESULT))
    assert isinstance(result, yonder.ShellResult)
    assert (result.returncode, result.success, result.stderr_omitted) == (2, False, 7)
    assert result.files == {"a/b": b"a\0b"}
    assert repr(result) == (
        "ShellResult(returncode=2, cmd='sort x', stderr='no\\nsuch file\\n', files=['a/b'])"
    )
    assert result.save(tmp_path) == [tmp_path / "a" / "b"]
    assert (tmp_path / "a" / "b").read_bytes() == b"a\0b"
    with pytest.raises(yonder.ShellError, match="return code 2: such file") as raised:
        result.check()
    assert raised.value.result is result
    assert payloads.value(packed({"kind": "other"})) == {"kind": "other"}
    away = shell.result_of({**RESULT, "files": [{"name": "../x", "data": ""}]})
    with pytest.raises(InvalidRequest, match="outside"):
        away.save(tmp_path)


def test_a_checked_command_raises_its_result() -> None:
    error = payloads.error(
        packed(
            {
                "type": "ShellError",
                "module": "yonder.errors",
                "message": "the command ended with return code 2",
                "traceback": "",
                "notes": [],
                "causes": [],
                "pickle": None,
                "result": RESULT,
            }
        )
    )
    assert isinstance(error, yonder.ShellError)
    assert isinstance(error, yonder.RemoteError)
    assert str(error) == "the command ended with return code 2"
    assert error.result.returncode == 2


@pytest.mark.parametrize(
    "command",
    ['echo "{who}"', "echo '{who}'", "echo 'a' \"b {who}\"", 'grep \\" "{who}" file'],
)
def test_quotes_around_a_value_are_refused_at_once(command: str) -> None:
    with pytest.raises(InvalidRequest, match=r"line 1, column \d+: .*\{who\} stands inside quotes"):
        yonder.ShellFunction(command)


@pytest.mark.parametrize(
    "command",
    [
        'echo --title="My "{who}',
        "echo 'it'\"'\"'s' {who}",
        'echo \\"{who}\\"',
        'echo "$(basename {who})"',
        'echo "`basename {who}`"',
        "cat <<EOF\nit's {who}\nEOF",
        'eval "{who!raw}"',
        "awk '{{print $1}}' {who}",
        "echo {who} # don't",
        "# don't\necho {who}",
    ],
)
def test_other_quotes_are_not(command: str) -> None:
    assert yonder.ShellFunction(command).names == ("who",)


def test_numbers_may_stand_inside_quotes() -> None:
    yonder.ShellFunction('head -n "{n}"', params={"n": int})
