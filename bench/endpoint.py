"""Endpoints of a benchmark's own, with settings that the one of ``yonder up`` does not have."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator, Mapping

import common


def command(*args: str) -> None:
    subprocess.run([common.ROOT / "bin" / "yonder", *args], check=True, stdout=subprocess.DEVNULL)


def configure(name: str, slots: int, settings: Mapping[str, str]) -> None:
    """Write an endpoint's configuration; ``settings`` maps lines of it, without their values, to new values."""
    command("endpoint", "configure", name, "--slots", str(slots), "--python", sys.executable)
    file = pathlib.Path(os.environ["YONDER_HOME"]) / "endpoints" / name / "endpoint.yaml"
    lines = file.read_text().splitlines()
    for key, value in settings.items():
        at = [n for n, line in enumerate(lines) if line.strip().startswith(f"{key}:")]
        if len(at) != 1:
            raise SystemExit(f"{file} says {key!r} {len(at)} times")
        indent = lines[at[0]][: len(lines[at[0]]) - len(lines[at[0]].lstrip())]
        lines[at[0]] = f"{indent}{key}: {value}"
    file.write_text("\n".join(lines) + "\n")


@contextlib.contextmanager
def running(name: str, slots: int, settings: Mapping[str, str]) -> Iterator[str]:
    """An endpoint that is there for a while."""
    configure(name, slots, settings)
    command("endpoint", "start", name)
    try:
        yield name
    finally:
        command("endpoint", "stop", name)
