"""funcX's experiments of scaling: calls on ever more simulated workers, 64 on each manager."""

from __future__ import annotations

import argparse
from typing import Any, Callable, Optional

import common
import simulated

PER_MANAGER = 64
WORKERS = [64, 256, 1024, 4096, 16384, 65536, 131072]
WORK = ["noop", "sleep:1s"]

# Seconds that funcX took, by workers, for each of WORK.
Published = dict[int, tuple[Optional[float], ...]]


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS)
    parser.add_argument("--work", nargs="+", default=WORK)
    parser.add_argument(
        "--longest", type=float, default=60, help="seconds that sleeps should take; where they would take longer, there are fewer"
    )


def sleep_s(work: str) -> float:
    return 0.0 if work == "noop" else float(work.removeprefix("sleep:").removesuffix("s"))


def run(
    endpoint: simulated.Endpoint,
    given: argparse.Namespace,
    calls: Callable[[int], int],
    published: Published,
) -> dict[str, Any]:
    """Each work on each number of workers, which says how many calls: the table, and the results that were checked."""
    endpoint.start()
    table, verified = [], 0
    for work in given.work:
        for workers in given.workers:
            full, sleep = calls(workers), sleep_s(work)
            tasks = min(full, int(workers * given.longest / sleep)) if sleep else full
            with endpoint.managers(max(workers // PER_MANAGER, 1), PER_MANAGER, work):
                load = endpoint.load(tasks)
            verified += load["verified"]
            ideal = -(-tasks // workers) * sleep
            theirs = dict(zip(WORK, published.get(workers, ()))).get(work)
            table.append(
                {
                    "work": work,
                    "workers": workers,
                    "calls": tasks,
                    "seconds": round(load["seconds"], 2),
                    "ideal_s": ideal,
                    "efficiency": round(ideal / load["seconds"], 3),
                    "funcx_s": theirs,  # for as many calls as there would be
                    "funcx_efficiency": round(-(-full // workers) * sleep / theirs, 3) if theirs else None,
                }
            )
            common.say(
                f"{work:<10}{workers:>8} workers{table[-1]['seconds']:>10} s"
                f"   ideal {ideal:.0f} s   funcX {theirs or '-'} s"
            )
    endpoint.stop()
    return {"table": table, "verified": verified}
