"""Latency of a warm no-op, one at a time, from the SDK to a worker and back, with its breakdown by stage.

The stages come from the clocks of client, service and worker, which are one clock here; each is the median over all
calls, so that they add up to about the median of the whole.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import statistics
import sys
import time
from typing import Any

import yonder

STAGES = [
    ("submit", "sent", "submitted"),  # packed, posted, checked by the service
    ("dispatch", "submitted", "started"),  # written durably, offered, journalled, accepted, handed to the worker
    ("run", "started", "finished"),
    ("report", "finished", "accepted"),  # back through manager and agent, written durably
    ("deliver", "accepted", "received"),  # over the stream into the future
]


def noop() -> None:
    return None


def measure(executor: yonder.Executor, calls: int) -> tuple[list[float], list[dict[str, Any]]]:
    """Milliseconds of each call, and its times in microseconds since the epoch."""
    took, stages = [], []
    for _ in range(calls):
        began = time.perf_counter()
        sent = time.time_ns() // 1000
        future = executor.submit(noop)
        future.result()
        took.append((time.perf_counter() - began) * 1e3)
        stages.append({**dataclasses.asdict(future.timings), "sent": sent})
    return took, stages


def breakdown(stages: list[dict[str, Any]]) -> dict[str, float]:
    return {
        name: round(statistics.median(s[end] - s[start] for s in stages) / 1e3, 3)
        for name, start, end in STAGES
        if all(s.get(start) and s.get(end) for s in stages)
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--json", action="store_true", help="print only the JSON object")
    options = parser.parse_args()
    with yonder.Executor() as executor:
        measure(executor, options.warmup)
        took, stages = measure(executor, options.calls)
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    result = {
        "bench": "latency",
        "calls": options.calls,
        "p50_ms": round(cuts[49], 3),
        "p99_ms": round(cuts[98], 3),
        "stages_p50_ms": breakdown(stages),
        "nproc": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
    }
    if not options.json:
        print(f"warm no-op, one at a time: p50 {result['p50_ms']} ms, p99 {result['p99_ms']} ms over {options.calls} calls")
        for name, ms in result["stages_p50_ms"].items():
            print(f"  {name:<14}{ms:8.3f} ms")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
