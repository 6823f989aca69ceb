"""Recovery from a lost manager and from an endpoint that was away, as funcX's papers measured it.

Manager: two managers with four workers each under a stream of 100 ms tasks at capacity, heartbeat 1 s, a manager that is
not back after 2 s is given up; one is killed. ``recovery_s`` is from the kill until the last task that it had is done.
Then one is stopped with its workers, as if its node had gone silent: ``silent_s`` is the same for that. A connection is
given up after three heartbeats and a second without a word, and the manager after its grace.

Endpoint: killed with all its managers, back after 40 s, with tasks submitted meanwhile. ``return_s`` is from the start of
its agent until the backlog is done, less what the backlog takes at full rate.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import yonder

NAME = "faults"
MANAGERS, SLOTS = 2, 4
TASK = 0.1
THRESHOLD = 2.0
# After so long without a word a connection is given up.
SILENT = 4.0
# Tasks a second that keep all workers but for a little busy.
RATE = 0.9 * MANAGERS * SLOTS / TASK


def task() -> None:
    import time

    time.sleep(0.1)


def command(*args: str) -> None:
    subprocess.run(["bin/yonder", *args], check=True, stdout=subprocess.DEVNULL)


def directory() -> pathlib.Path:
    return pathlib.Path(os.environ["YONDER_HOME"]) / "endpoints" / NAME


def configure() -> None:
    command("endpoint", "configure", NAME, "--slots", str(SLOTS), "--python", sys.executable)
    file = directory() / "endpoint.yaml"
    text = file.read_text()
    for before, after in {
        "  heartbeat: 5s": "  heartbeat: 1s",
        "  grace: 2m0s": f"  grace: {THRESHOLD:.0f}s",
        "  init_blocks: 0": f"  init_blocks: {MANAGERS}",
        "  min_blocks: 0": f"  min_blocks: {MANAGERS}",
        "  max_blocks: 1": f"  max_blocks: {MANAGERS}",
    }.items():
        if before not in text:
            raise SystemExit(f"{file} does not say {before!r}")
        text = text.replace(before, after, 1)
    file.write_text(text)


def processes(kind: str) -> list[int]:
    """The endpoint's agent, or its managers."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            args = (entry / "cmdline").read_bytes().decode().split("\0")
        except (OSError, ValueError):
            continue
        if len(args) > 1 and args[1] == kind and any(a.startswith(str(directory())) for a in args):
            found.append(int(entry.name))
    return sorted(found)


def kill(kind: str, most: int = 1_000) -> None:
    for pid in processes(kind)[:most]:
        os.kill(pid, signal.SIGKILL)


class Stream:
    """Tasks submitted at a rate, and when each was sent and done, in seconds since the start."""

    def __init__(self, executor: yonder.Executor) -> None:
        self.executor = executor
        self.begin = time.perf_counter()
        self.sent: list[float] = []
        self.done: dict[int, float] = {}
        self.futures: list[yonder.Future[None]] = []

    def now(self) -> float:
        return time.perf_counter() - self.begin

    def submit(self) -> None:
        number = len(self.sent)
        self.sent.append(self.now())
        future = self.executor.submit(task)
        future.add_done_callback(lambda _: self.done.setdefault(number, self.now()))
        self.futures.append(future)

    def steps(self, rate: float, seconds: float) -> Iterator[float]:
        """Submit at the rate; between tasks the caller sees the time."""
        begin = self.now()
        for number in range(int(rate * seconds)):
            time.sleep(max(begin + number / rate - self.now(), 0))
            self.submit()
            yield self.now() - begin

    def lost(self) -> int:
        """Wait for all, and count those without a result."""
        return sum(future.exception(timeout=120) is not None for future in self.futures)


def silence() -> list[int]:
    """Stop one manager and all below it, and return who that is."""
    parents = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    stopped = processes("manager")[:1]
    for parent in stopped:  # grows
        stopped += [pid for pid, other in parents.items() if other == parent]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    return stopped


def warm(executor: yonder.Executor) -> None:
    """Every worker has run a task."""
    for _ in range(3):
        for future in [executor.submit(task) for _ in range(4 * MANAGERS * SLOTS)]:
            future.result(timeout=60)


def manager_lost(executor: yonder.Executor, silent: bool) -> dict[str, float]:
    warm(executor)
    stream, lost_at, stopped = Stream(executor), 0.0, []
    for at in stream.steps(RATE / 2 if silent else RATE, 8):
        if not lost_at and at >= 2:
            stopped = silence() if silent else []
            if not silent:
                kill("manager", 1)
            lost_at = stream.now()
    lost = stream.lost()
    for pid in reversed(stopped):
        os.kill(pid, signal.SIGKILL)
    before = [n for n, sent in enumerate(stream.sent) if sent < lost_at]
    return {
        "recovery_s": round(max(stream.done[n] for n in before) - lost_at, 3),
        "baseline_ms": round(1e3 * statistics.median(stream.done[n] - stream.sent[n] for n in before), 1),
        "lost": lost,
        "tasks": len(stream.sent),
    }


def endpoint_away(executor: yonder.Executor, away: float) -> dict[str, float]:
    warm(executor)
    stream = Stream(executor)
    kill("agent")
    kill("manager")
    backlog = 4 * MANAGERS * SLOTS
    for _ in stream.steps(backlog / away, away):
        pass
    time.sleep(max(away - stream.now(), 0))
    back = stream.now()
    command("endpoint", "start", NAME)
    lost = stream.lost()
    return {
        "away_s": away,
        "return_s": round(max(stream.done.values()) - back - backlog * TASK / (MANAGERS * SLOTS), 3),
        "first_s": round(min(stream.done.values()) - back, 3),
        "lost": lost,
        "tasks": backlog,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--away", type=float, default=40, help="seconds that the endpoint is away")
    parser.add_argument("--json", action="store_true", help="print only the JSON object")
    options = parser.parse_args()
    configure()
    command("endpoint", "start", NAME)
    try:
        with yonder.Executor(NAME, max_attempts=3) as executor:
            manager = manager_lost(executor, silent=False)
            silent = manager_lost(executor, silent=True)
            endpoint = endpoint_away(executor, options.away)
    finally:
        command("endpoint", "stop", NAME)
    result = {
        "bench": "faults",
        "recovery_s": manager["recovery_s"],
        "recovery_bound_s": THRESHOLD + 0.5,
        "silent_s": silent["recovery_s"],
        "silent_bound_s": SILENT + THRESHOLD + 0.5,
        "return_s": endpoint["return_s"],
        "lost": manager["lost"] + silent["lost"] + endpoint["lost"],
        "manager": manager,
        "silent": silent,
        "endpoint": endpoint,
        "nproc": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
    }
    if not options.json:
        print(f"a manager lost: its tasks done again after {result['recovery_s']} s (funcX: 2.1 s with the same threshold)")
        print(f"a manager silent: {result['silent_s']} s, with {SILENT + THRESHOLD:g} s until it is given up")
        print(f"the endpoint away for {options.away:g} s: {result['return_s']} s until it is back at full rate")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
