"""A real service and a real endpoint, of this checkout, on this machine."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SLOTS = 4
_numbers = itertools.count()
# For what takes moments. On a busy machine a moment may be long.
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Site:
    """Where it is: ``environ`` is what a program needs to use it."""

    binary: Path
    home: Path
    url: str

    @property
    def environ(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("YONDER_")}
        return {**clean, "YONDER_HOME": str(self.home)}

    def run(self, *args: str) -> str:
        """Run a command of the program to its end; returns what it prints."""
        done = subprocess.run(
            [self.binary, *args], env=self.environ, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"yonder {args}: {done.stdout}{done.stderr}"
        return done.stdout

    def python(self, program: str, *args: str) -> subprocess.CompletedProcess[str]:
        """Run a program of its own with this package, as the user of the site."""
        file = self.home / f"program-{next(_numbers)}.py"
        file.write_text(program)
        return subprocess.run(
            [sys.executable, str(file), *args],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@contextmanager
def site_up(home: Path, binary: Path) -> Iterator[Site]:
    """Starts a site below ``home`` and ends it."""
    site = Site(binary, home, "")
    python = ["--python", sys.executable]
    found = site.run(
        "up", "--detach", "--json", "--listen", "127.0.0.1:0", "--slots", str(SLOTS), *python
    )
    try:
        yield Site(binary, home, json.loads(found)["url"])
    finally:
        site.run("down")


def build(directory: Path) -> Path:
    """The program, built from this checkout."""
    binary = directory / "yonder"
    try:
        subprocess.run(
            ["go", "build", "-o", str(binary), "./cmd/yonder"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        if os.environ.get("YONDER_REQUIRE_ALL"):
            raise
        pytest.skip("needs Go, to build the service and the endpoint")
    return binary


class Gate:
    """A named pipe that a task waits at: says when the task is there, and lets it go on."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        os.mkfifo(path)
        self._end = -1

    def reached(self) -> None:
        """Wait until a task is at the gate."""
        self._end = os.open(self.path, os.O_WRONLY)

    def open(self) -> None:
        """Wait until a task is at the gate, and let it go on."""
        if self._end < 0:
            self.reached()
        os.close(self._end)
        self._end = -1


def wait_at(gate: Gate) -> Callable[[], str]:
    """A task that waits until the gate is opened.

    Each is a function of its own: what is known of an old one's speed must not make a
    manager give several of them to one worker, one after the other.
    """
    path = gate.path

    def wait() -> str:
        with open(path) as pipe:
            pipe.read()
        return path

    return wait


def until(condition: Callable[[], bool]) -> None:
    """At a boundary between processes, where no signal comes."""
    end = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end
        pause.wait(0.02)
