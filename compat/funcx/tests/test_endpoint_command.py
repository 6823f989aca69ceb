"""funcx-endpoint, run as people run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import funcx_endpoint
from funcx_endpoint.program import UsageError, find

Result = tuple[int, str, str]


class Command:
    """Runs funcx-endpoint with an environment."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ

    def __call__(self, *arguments: str) -> Result:
        program = Path(sys.executable).with_name("funcx-endpoint")
        done = subprocess.run(
            [program, *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=100,
        )
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def command(environ: dict[str, str]) -> Command:
    return Command(dict(environ))


def rows(table: str) -> list[list[str]]:
    """The cells of a table that `list` prints."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_life_of_an_endpoint(command: Command) -> None:
    code, out, err = command("configure", "lab", "--slots", "1", "--description", "for tests")
    assert (code, err) == (0, "")
    assert "funcx-endpoint start lab" in out
    known = out.split("Its id is ")[1].split()[0]
    assert ["lab", "Stopped", known] in rows(command("list")[1])

    code, out, err = command("start", "lab", "--endpoint-uuid", known)
    assert (code, err) == (0, "")
    assert known in out
    assert ["lab", "Running", known] in rows(command("list")[1])
    code, out, err = command("start", "lab")
    assert code == 5, "it runs already"
    assert err.startswith("funcx-endpoint: the agent of lab runs already")

    command.environ["YONDER_TOKEN"] = "yt_of_somebody"
    code, out, err = command("list")
    assert code == 3
    assert ["lab", "Unknown", known] in rows(out), "the service was not asked"
    assert err.startswith("funcx-endpoint: these are this machine's endpoints only")
    assert "takes no token from YONDER_TOKEN" in err
    del command.environ["YONDER_TOKEN"]

    code, out, _ = command("status", "lab", "--no-color")
    assert code == 0
    assert known in out
    assert command("restart", "lab", "--debug")[0] == 0
    code, out, _ = command("stop", "lab")
    assert (code, out) == (0, "Stopped the endpoint lab.\n")
    code, out, _ = command("restart", "--name", "lab")
    assert code == 0, "what does not run is started"
    assert known in out

    assert command("delete", "lab", "--yes")[0] == 5, "it runs"
    assert command("stop", "lab")[0] == 0
    assert command("delete", "lab", "--yes")[0] == 0
    assert "lab" not in [row[0] for row in rows(command("list")[1])]


def test_the_name_default(command: Command) -> None:
    code, out, _ = command("configure")
    assert code == 0
    assert "<default>" in out
    code, _, err = command("start", "--endpoint-uuid", "4b116d3c-1703-4f8f-9f6f-39921e5864df")
    assert code == 2
    assert "the service gives out ids" in err
    code, _, err = command("configure")
    assert code == 5
    assert "is configured on this machine already" in err
    assert command("delete", "--yes")[0] == 0


def test_another_directory(command: Command, tmp_path: Path) -> None:
    command.environ = {**command.environ, "YONDER_HOME": str(tmp_path / "unused")}
    code, out, _ = command("-c", str(tmp_path / "empty"), "list")
    assert code == 3, "nobody is logged in there, and nothing is configured"
    assert out == ""
    assert not (tmp_path / "unused").exists()


def test_a_configuration_of_funcx(command: Command) -> None:
    code, _, err = command("configure", "x", "--endpoint-config", "config.py")
    assert code == 2
    assert "is Python and cannot be used" in err


def test_version(command: Command) -> None:
    code, out, _ = command("version")
    assert code == 0
    assert out.startswith(f"FuncX endpoint version: {funcx_endpoint.__version__} (yonder ")


def test_wrong_use(command: Command) -> None:
    assert command()[0] == 2
    assert command("start", "--no-such-flag")[0] == 2
    assert command("--help")[0] == 0
    assert "--endpoint-uuid" in command("start", "-h")[1]
    assert "--yes" in command("delete", "--help")[1]


def test_running_in_the_terminal(command: Command) -> None:
    assert command("configure", "console")[0] == 0
    program = [sys.executable, "-m", "funcx_endpoint", "start", "console", "--log-to-console"]
    with subprocess.Popen(program, env=command.environ, stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        assert running.stderr.readline(), "the agent's log comes to the terminal"
        running.send_signal(2)
        running.stderr.read()
    assert command("delete", "console", "--yes")[0] == 0


def test_the_program_is_found(program: Path, tmp_path: Path) -> None:
    assert find([str(tmp_path), str(program.parent)]) == str(program)
    with pytest.raises(UsageError, match="no program `yonder`"):
        find([str(tmp_path)])
