"""The Python interpreters that functions may come from and go to."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

MINORS = ("3.9", "3.10", "3.11", "3.12", "3.13")
SRC = Path(__file__).parent.parent / "src"


def _candidates() -> list[str]:
    given = os.environ.get("YONDER_PYTHONS")
    if given is not None:
        return [part for part in given.split(os.pathsep) if part]
    found = [sys.executable]
    found.extend(filter(None, (shutil.which(f"python{minor}") for minor in MINORS)))
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found.extend(str(path) for path in sorted(root.glob("3.*/bin/python")))
    return found


@functools.lru_cache(maxsize=1)
def interpreters() -> dict[str, str]:
    """Path by minor version: from YONDER_PYTHONS, or else the PATH and pyenv."""
    found: dict[str, str] = {}
    for path in _candidates():
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
        minor = done.stdout.strip()
        if done.returncode == 0 and minor in MINORS:
            found.setdefault(minor, path)
    return dict(sorted(found.items(), key=lambda item: MINORS.index(item[0])))


def run(minor: str, *args: str, given: str = "", cwd: Path | None = None) -> str:
    """stdout of a bare interpreter that sees our sources and nothing else."""
    # -s and the variables below: what the machine has installed must not help.
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    env.update(PYTHONPATH=str(SRC), PYTHONDONTWRITEBYTECODE="1", PYTHONWARNINGS="error")
    done = subprocess.run(
        [interpreters()[minor], "-s", *args],
        input=given, capture_output=True, text=True, env=env, cwd=cwd, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, f"Python {minor} {args}: {done.stderr[-4000:]}"
    return done.stdout
