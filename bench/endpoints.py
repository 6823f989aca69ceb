"""Many connected endpoints, each with heartbeats and a task a second: what that costs the service, and how long a task takes.

The agents are simulated (yonder simulate endpoints): connections, credentials, sessions, heartbeats, accepts and reports
are real, and a task answers with its arguments at once. Times are from when a task was due to be submitted, whether the
client kept up or not. Simulated agents and clients take their share of the same machine.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import common
import simulated

NAME = "load"


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--endpoints", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=1, help="tasks a second for each")
    parser.add_argument("--seconds", type=float, default=30, help="of submitting")
    parser.add_argument("--idle", type=float, default=15, help="seconds of nothing but heartbeats")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--processes", type=int, default=0, help="of simulated agents")
    options = parser.parse_args()
    load = simulated.build()
    service = simulated.service()
    with fleet(options.endpoints, options.processes, NAME, patience_s=300) as ended:
        idle = cores(service, lambda: time.sleep(options.idle))
        idle_gib = common.pss_gib(service)
        command = [
            load,
            "-each",
            f"{NAME}-",
            "-rate",
            str(options.rate),
            "-for",
            f"{options.seconds}s",
            "-clients",
            str(options.clients),
        ]
        output: list[str] = []
        busy = cores(service, lambda: output.append(run(command)))
        loaded_gib = common.pss_gib(service)
    told = json.loads(output[0].splitlines()[-1])
    result = {
        "bench": "endpoints",
        "endpoints": options.endpoints,
        "rate": options.rate,
        "registered_s": round(ended["registered_s"], 2),
        "connected_s": round(ended["connected_s"], 2),
        "list_s": round(told["list_s"], 2),
        "beats": ended["beats"],
        "idle_cores": idle,
        "idle_gib": idle_gib,
        "tasks": told["tasks"],
        "verified": told["verified"],
        "tasks_per_s": round(told["tasks_per_s"]),
        "p50_ms": round(told["p50_ms"], 2),
        "p99_ms": round(told["p99_ms"], 2),
        "max_ms": round(told["max_ms"], 2),
        "cores": busy,
        "gib": loaded_gib,
        "peak_gib": simulated.peak_gib(int(service.name)),
    }
    common.finish(
        result,
        options.json,
        f"{options.endpoints:,} endpoints connected after {result['connected_s']} s: {idle} cores, {idle_gib} GiB",
        f"{result['tasks_per_s']:,} tasks a second: p50 {result['p50_ms']} ms, p99 {result['p99_ms']} ms, {busy} cores, {loaded_gib} GiB",
    )
    return 0


def run(command: list[str]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


@contextlib.contextmanager
def fleet(endpoints: int, processes: int, name: str, patience_s: float) -> Iterator[dict[str, Any]]:
    """Simulated endpoints that are all connected, until the end of the block; what they tell at their end comes in the dict."""
    command = [
        simulated.YONDER,
        "simulate",
        "endpoints",
        "--endpoints",
        str(endpoints),
        "--name",
        name,
        "--log-level",
        "error",
        "--json",
    ]
    if processes:
        command += ["--processes", str(processes)]
    crowd = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ended: dict[str, Any] = {}
    try:
        _await_connected(crowd, patience_s)
        yield ended
    finally:
        crowd.send_signal(signal.SIGINT)
        out, _ = crowd.communicate()
    ended.update(json.loads(out))


def _await_connected(crowd: subprocess.Popen[str], patience_s: float) -> None:
    assert crowd.stderr is not None
    deadline = time.monotonic() + patience_s
    for line in crowd.stderr:
        if "are connected" in line:
            return
        common.say(line.rstrip())
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all endpoints are connected after {patience_s} s")
    raise RuntimeError("the simulated endpoints have ended")


def cores(process: pathlib.Path, work: Any) -> float:
    """The cores that a process keeps busy while the work is done."""
    began, before = time.monotonic(), common.processor_s(process)
    work()
    return round((common.processor_s(process) - before) / (time.monotonic() - began), 3)


if __name__ == "__main__":
    sys.exit(main())
