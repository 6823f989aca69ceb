"""Functions captured by every Python version and run by every other."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from interpreters import MINORS, interpreters, run

PROGRAMS = Path(__file__).parent / "programs"
WORKER = Path(__file__).parent / "bare" / "run_cases.py"
# Programs and the oldest version that can read them.
OLDEST = {
    "everyday": "3.9",
    "functional": "3.9",
    "classes": "3.9",
    "future": "3.9",
    "modern": "3.10",
}
# What only a newer version understands, and what the older one must say.
REFUSED = {
    ("modern", "match_statement"): "RestoreError: .*uses syntax newer than Python 3.9",
    ("modern", "match_statement_list"): "RestoreError: .*uses syntax newer than Python 3.9",
    ("modern", "slots"): "RestoreError: .*captured on Python 3.1",
}

Cases = dict[str, dict[str, Any]]


def at_least(minor: str, oldest: str) -> bool:
    return MINORS.index(minor) >= MINORS.index(oldest)


def programs(minor: str) -> list[str]:
    return [name for name, oldest in OLDEST.items() if at_least(minor, oldest)]


def capture(minor: str) -> dict[str, Cases]:
    return {
        name: json.loads(run(minor, f"{name}.py", "capture", cwd=PROGRAMS))
        for name in programs(minor)
    }


class Matrix:
    """Everything is run once, side by side; the tests look at parts of it."""

    def __init__(self) -> None:
        self.minors = list(interpreters())
        with ThreadPoolExecutor(8) as pool:
            self.captured = dict(zip(self.minors, pool.map(capture, self.minors)))
            self.ran = dict(zip(self.minors, pool.map(self._run, self.minors)))
            checks = [(minor, name) for minor in self.minors for name in programs(minor)]
            self.checked = dict(zip(checks, pool.map(lambda pair: self._check(*pair), checks)))

    def _run(self, minor: str) -> dict[str, Any]:
        """All cases of all versions in one worker."""
        given = {f"{m}/{p}": c for m, found in self.captured.items() for p, c in found.items()}
        # Without site-packages, and not from the programs' folder: the standard
        # library has to do, and the project's modules must come along.
        answer = run(minor, "-S", str(WORKER), given=json.dumps(given), cwd=Path("/"))
        results: dict[str, Any] = json.loads(answer)
        return results

    def _check(self, minor: str, program: str) -> dict[str, dict[str, str]]:
        results = {who: ran[f"{minor}/{program}"] for who, ran in self.ran.items()}
        answer = run(minor, f"{program}.py", "check", given=json.dumps(results), cwd=PROGRAMS)
        found: dict[str, dict[str, str]] = json.loads(answer)
        return found


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return Matrix()


SOURCES = [
    (minor, program) for program in OLDEST for minor in MINORS if at_least(minor, OLDEST[program])
]


@pytest.mark.parametrize(("source", "program"), SOURCES)
def test_every_function_is_captured_by_source(matrix: Matrix, source: str, program: str) -> None:
    _skip_absent(source)
    cases = matrix.captured[source][program]
    failed = {name: case["error"] for name, case in cases.items() if "error" in case}
    assert not failed, "\n".join(failed.values())
    assert {case["python"] for case in cases.values()} == {None}


@pytest.mark.parametrize("target", MINORS)
@pytest.mark.parametrize(("source", "program"), SOURCES)
def test_results_are_those_of_the_source(
    matrix: Matrix, source: str, target: str, program: str
) -> None:
    _skip_absent(source)
    _skip_absent(target)
    found = dict(matrix.checked[source, program][target])
    if not at_least(target, OLDEST[program]):
        for (where, name), message in REFUSED.items():
            if where == program:
                assert re.search(message, found.pop(name))
    wrong = {name: text for name, text in found.items() if text}
    assert not wrong, "\n".join(f"{name}: {text}" for name, text in wrong.items())


def _skip_absent(minor: str) -> None:
    if minor not in interpreters():
        pytest.skip(f"no Python {minor} here")
