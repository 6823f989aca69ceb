"""Runs one system for bench/common.py, in the system's own environment: ``python -P driver.py NAME WORKERS``.

Requests and answers are lines of JSON on standard input and output. What a system prints goes to standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import sys
import time
from typing import Any, Protocol

# ``-P`` keeps this directory away, so that no file here hides a package of the same name.
sys.path.append(str(pathlib.Path(__file__).parent))

import calls  # noqa: E402


class System(Protocol):
    """One system, running on this machine, with as many workers as it was made with."""

    version: str
    calls: Any  # the functions of ``calls``, as this system wants them to be submitted

    def submit(self, function: Any, *args: Any) -> Any:
        """Submit one call and return what stands for its result."""

    def results(self, handles: list[Any]) -> list[Any]:
        """Wait for results, in the order of their handles."""

    def stop(self) -> None:
        """End everything that was started."""


def single(system: System, tasks: int) -> dict[str, Any]:
    noop = system.calls.noop
    begin = time.perf_counter()
    results = system.results([system.submit(noop, number) for number in range(tasks)])
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "wrong": sum(a != b for a, b in enumerate(results)) + tasks - len(results)}


def latency(system: System, tasks: int) -> dict[str, Any]:
    noop, took, wrong = system.calls.noop, [], 0
    for number in range(tasks):
        begin = time.perf_counter()
        wrong += system.results([system.submit(noop, number)]) != [number]
        took.append((time.perf_counter() - begin) * 1e3)
    return {"took_ms": took, "wrong": wrong}


def payload(system: System, tasks: int, size: int) -> dict[str, Any]:
    echo, data = system.calls.echo, os.urandom(size)
    begin = time.perf_counter()
    results = system.results([system.submit(echo, data) for _ in range(tasks)])
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "wrong": sum(result != data for result in results) + tasks - len(results)}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    name, workers = sys.argv[1], int(sys.argv[2])
    system: System = importlib.import_module(f"with_{name}").start(workers, calls)
    try:
        answers.write(json.dumps({"version": system.version}) + "\n")
        for line in sys.stdin:
            request = json.loads(line)
            act = {"single": single, "latency": latency, "payload": payload}[request.pop("do")]
            answers.write(json.dumps(act(system, **request)) + "\n")
    finally:
        system.stop()


if __name__ == "__main__":
    main()
