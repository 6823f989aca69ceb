"""Small tasks without an end, in chunks and one by one, and what they do to the processes.

Resident memory, file descriptors and threads of every process, the service's goroutines, and the size of the state
directories are sampled. The slopes are least squares over the second half of the run, for each million tasks: what stays
level has slopes of about nothing. Results are kept, so the store grows by what a result takes.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import re
import sys
import threading
import time
import urllib.request

import common
import yonder
from yonder.client import config

HOME = os.environ["YONDER_HOME"]
CHUNK, SINGLES = 50_000, 2_000


def noop(number: int) -> int:
    return number


def measure(entry: pathlib.Path) -> dict[str, float]:
    status = (entry / "status").read_text()
    return {
        "rss_mib": int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024,
        "threads": int(re.search(r"Threads:\s+(\d+)", status)[1]),
        "fds": len(list((entry / "fd").iterdir())),
    }


def goroutines(url: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        return float(re.search(r"^go_goroutines (\S+)", answer.read().decode(), re.M)[1])


def size(directory: pathlib.Path) -> float:
    total = 0
    for file in directory.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except OSError:
            continue
    return total / 2**20


def sample(url: str) -> dict[str, float]:
    values: dict[str, float] = {}
    for kind, entries in common.processes(HOME).items():
        for entry in entries:
            try:
                measured = measure(entry)
            except OSError:
                continue
            for name, value in measured.items():
                values[f"{kind}_{name}"] = values.get(f"{kind}_{name}", 0) + value
    values["goroutines"] = goroutines(url)
    values["store_mib"] = size(pathlib.Path(HOME) / "service")
    values["endpoints_mib"] = size(pathlib.Path(HOME) / "endpoints")
    return values


def slope(points: list[tuple[float, float]]) -> float:
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


class Sampler(threading.Thread):
    def __init__(self, url: str, every: float) -> None:
        super().__init__(daemon=True)
        self.url, self.every = url, every
        self.tasks = 0  # done; the run counts
        self.samples: list[tuple[int, dict[str, float]]] = []
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(self.every):
            self.samples.append((self.tasks, sample(self.url)))

    def result(self) -> dict[str, dict[str, float]]:
        half = self.samples[len(self.samples) // 2 :]
        first, last = self.samples[0][1], self.samples[-1][1]
        return {
            name: {
                "first": round(first.get(name, 0), 1),
                "last": round(last[name], 1),
                "per_million": round(slope([(n / 1e6, v[name]) for n, v in half if name in v]), 3),
            }
            for name in sorted(last)
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=float, default=10e6, help="at most so many")
    parser.add_argument("--seconds", type=float, default=60, help="at most so long")
    parser.add_argument("--every", type=float, default=2, help="seconds between samples")
    parser.add_argument("--json", action="store_true", help="print only the JSON object")
    options = parser.parse_args()
    sampler = Sampler(config.load().url, options.every)
    begin, wrong = time.perf_counter(), 0
    said = begin
    sampler.start()
    while sampler.tasks < options.tasks and time.perf_counter() - begin < options.seconds:
        # A group of its own each time, as from one client after another.
        with yonder.Executor() as executor:
            numbers = range(sampler.tasks, sampler.tasks + CHUNK)
            wrong += sum(a != b for a, b in zip(executor.map(noop, numbers, chunksize=5000), numbers))
            futures = {executor.submit(noop, number): number for number in range(SINGLES)}
            wrong += sum(future.result() != number for future, number in futures.items())
        sampler.tasks += CHUNK + SINGLES
        if not options.json and time.perf_counter() - said > 10:
            said = time.perf_counter()
            print(f"{said - begin:5.0f} s  {sampler.tasks / 1e6:.2f} million tasks", file=sys.stderr)
    seconds = time.perf_counter() - begin
    sampler.over.set()
    sampler.join()
    result = {
        "bench": "soak",
        "tasks": sampler.tasks,
        "seconds": round(seconds, 1),
        "tasks_per_s": round(sampler.tasks / seconds),
        "wrong": wrong,
        "samples": len(sampler.samples),
        "measures": sampler.result(),
        "nproc": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
    }
    if not options.json:
        for name, m in result["measures"].items():
            print(f"{name:<18}{m['first']:>10} → {m['last']:>10}   {m['per_million']:+.3f} a million tasks")
    print(json.dumps(result))
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
