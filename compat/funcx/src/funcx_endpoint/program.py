"""The ``yonder`` program, which does the work."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional


class UsageError(Exception):
    """What was asked for cannot be done; the message says what can."""


class Failed(Exception):
    """``yonder`` failed: its own message, its exit ``code``, and what it answered all the same."""

    def __init__(self, message: str, code: int, answer: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.answer = answer


class Program:
    """Runs ``yonder`` with the settings of the command line."""

    def __init__(self, directory: Optional[str], debug: bool, no_color: bool) -> None:
        self._path = find()
        self._global = ["--dir", os.path.expanduser(directory)] if directory else []
        self._environ = {**os.environ, "NO_COLOR": "1"} if no_color else dict(os.environ)
        self.log = ["--log-level", "debug"] if debug else []

    def run(self, *arguments: str) -> int:
        """Run it in the place of this program: its terminal, its signals, its exit code."""
        command = [self._path, *arguments, *self._global]
        if os.name != "posix":
            return subprocess.call(command, env=self._environ)
        sys.stdout.flush()
        os.execve(self._path, command, self._environ)

    def ask(self, *arguments: str) -> Any:
        """What it answers, from JSON; what it notes is passed on. Raises Failed."""
        command = [self._path, *arguments, "--json", *self._global]
        done = subprocess.run(command, env=self._environ, capture_output=True, check=False)
        if done.returncode != 0:
            answer = json.loads(done.stdout) if done.stdout else None
            raise Failed(_message(done.stderr.decode(errors="replace")), done.returncode, answer)
        sys.stderr.write(done.stderr.decode(errors="replace"))
        return json.loads(done.stdout)


def _message(said: str) -> str:
    """The sentence of an error in JSON; all of it, if it is something else."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return str(json.loads(said)["message"])
    return said.strip()


def find(path: Sequence[str] = ()) -> str:
    """The program: beside this interpreter, where its wheel puts it, else on PATH."""
    beside = str(Path(sys.executable).parent)
    for place in path or (beside, os.environ.get("PATH", os.defpath)):
        found = shutil.which("yonder", path=place)
        if found:
            return found
    raise UsageError(
        f"there is no program `yonder` in {beside} or on PATH: install Yonder, or put the "
        "directory of the program on PATH"
    )
