"""No-op Python calls through Executor.map beside multiprocessing.Pool.map.

Both get the same calls in chunks of the same size and as many processes, take turns in one run, and have every value
compared. A round's time is from the call of map to the last value in the caller's hands. The median of the rounds counts.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import yonder

# What is compared at a time: a list of this many values and its counterpart.
BATCH = 65_536
WARMUP = 100_000


def same(x: int) -> int:
    return x


def check(values: Iterable[int], calls: int) -> None:
    """Every value is what its call returns, in the order of the calls."""
    values = iter(values)
    for lo in range(0, calls, BATCH):
        hi = min(lo + BATCH, calls)
        found = [value for _, value in zip(range(hi - lo), values)]
        if found != list(range(lo, hi)):
            raise SystemExit(f"wrong values between call {lo} and {hi}")
    if next(values, None) is not None:
        raise SystemExit(f"more values than the {calls} calls have")


def timed(run: Callable[[], Iterable[int]], calls: int) -> float:
    """Seconds from the calls to their values in a list; checked after that."""
    began = time.perf_counter()
    values = list(run())
    took = time.perf_counter() - began
    check(values, calls)
    return took


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--chunk",
        type=int,
        default=None,
        help="calls in a chunk of both; by default as Yonder chooses",
    )
    parser.add_argument("--json", action="store_true", help="print only the JSON object")
    return parser.parse_args()


def main() -> int:
    options = parse()
    say = (lambda *_: None) if options.json else print
    times: dict[str, list[float]] = {"yonder": [], "pool": []}
    with yonder.Executor() as executor:
        check(executor.map(same, range(WARMUP)), WARMUP)  # the endpoint has its slots by then
        status = executor.client.endpoint(executor.endpoint.id).status
        processes = status.slots if status and status.slots else os.cpu_count() or 1
        chunk = options.chunk or executor._chunk_size(options.calls, None)
        # Before threads hold locks that a forked child would inherit.
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            jobs: dict[str, Callable[[], Iterable[int]]] = {
                "yonder": lambda: executor.map(same, range(options.calls), chunksize=options.chunk),
                "pool": lambda: pool.map(same, range(options.calls), chunk),
            }
            warm = min(options.calls, 4 * processes * chunk)
            check(executor.map(same, range(warm), chunksize=options.chunk), warm)
            check(pool.map(same, range(warm), chunk), warm)
            for number in range(options.rounds):
                for name, run in jobs.items():
                    times[name].append(timed(run, options.calls))
                    say(f"round {number + 1}: {name:<7}{options.calls / times[name][-1]:>12,.0f} calls/s")
    print(json.dumps(report(options.calls, chunk, processes, times)))
    return 0


def report(calls: int, chunk: int, processes: int, times: dict[str, list[float]]) -> dict[str, Any]:
    rates = {name: calls / statistics.median(took) for name, took in times.items()}
    return {
        "bench": "map",
        "calls": calls,
        "rounds": len(times["yonder"]),
        "calls_per_s": round(rates["yonder"]),
        "pool_map_calls_per_s": round(rates["pool"]),
        "ratio_to_pool_map": round(rates["yonder"] / rates["pool"], 3),
        "chunk": chunk,
        "chunks": math.ceil(calls / chunk),
        "processes": processes,
        "nproc": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "yonder": yonder.__version__,
    }


if __name__ == "__main__":
    sys.exit(main())
