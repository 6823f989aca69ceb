"""Latency of a warm no-op, one at a time, from the SDK to a worker and back, with its breakdown by stage.

The stages come from the clocks of client, service and worker, which are one clock here; each is the median over all
calls, so that they add up to about the median of the whole. The same again with the client 25 ms away from the service
(a proxy that keeps bytes back): ``over_link_ms`` is what the median takes beyond one round trip. Dask, Ray, Parsl and
Celery do the same calls on this machine.
"""

from __future__ import annotations

import dataclasses
import statistics
import sys
import time
from typing import Any

import common
import link
import yonder
from yonder.client import config

STAGES = [
    ("submit", "sent", "submitted"),  # packed, posted, checked by the service
    ("dispatch", "submitted", "started"),  # written durably, offered, journalled, accepted, handed to the worker
    ("run", "started", "finished"),
    ("report", "finished", "accepted"),  # back through manager and agent, written durably
    ("deliver", "accepted", "received"),  # over the stream into the future
]
WORKERS = 4
ONE_WAY_S = 0.025


def noop(number: int) -> int:
    return number


def measure(executor: yonder.Executor, calls: int) -> tuple[list[float], list[dict[str, Any]]]:
    """Milliseconds of each call, and its times in microseconds since the epoch."""
    took, stages = [], []
    for number in range(calls):
        began = time.perf_counter()
        sent = time.time_ns() // 1000
        future = executor.submit(noop, number)
        if future.result() != number:
            raise SystemExit("a result is wrong")
        took.append((time.perf_counter() - began) * 1e3)
        stages.append({**dataclasses.asdict(future.timings), "sent": sent})
    return took, stages


def breakdown(stages: list[dict[str, Any]]) -> dict[str, float]:
    return {
        name: round(statistics.median(s[end] - s[start] for s in stages) / 1e3, 3)
        for name, start, end in STAGES
        if all(s.get(start) and s.get(end) for s in stages)
    }


def here(calls: int, warmup: int) -> dict[str, Any]:
    with yonder.Executor() as executor:
        measure(executor, warmup)
        took, stages = measure(executor, calls)
    p50, p99 = common.percentiles(took)
    return {"p50_ms": p50, "p99_ms": p99, "stages_p50_ms": breakdown(stages)}


def over_link(calls: int) -> dict[str, float]:
    settings = config.load()
    with link.slow(settings.url, ONE_WAY_S) as url:
        client = yonder.Client(url=url, token=settings.token)
        with client, yonder.Executor(client=client) as executor:
            measure(executor, 10)
            took, _ = measure(executor, calls)
    p50, p99 = common.percentiles(took)
    round_trip = 2e3 * ONE_WAY_S
    return {
        "round_trip_ms": round_trip,
        "p50_ms": p50,
        "p99_ms": p99,
        "over_link_ms": round(p50 - round_trip, 3),
    }


def others(names: list[str], calls: int) -> dict[str, dict[str, float]]:
    found = {}
    for name in names:
        try:
            with common.peer(name, WORKERS) as peer:
                peer.ask("latency", tasks=100)
                p50, p99 = common.percentiles(peer.ask("latency", tasks=calls)["took_ms"])
        except common.PeerError as error:
            common.say(f"{name}: {error}")
            continue
        found[name] = {"p50_ms": p50, "p99_ms": p99}
    return found


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--link-calls", type=int, default=200)
    common.peers_option(parser)
    options = parser.parse_args()
    result = {"bench": "latency", "calls": options.calls, **here(options.calls, options.warmup)}
    result["link"] = over_link(options.link_calls)
    result["peers"] = others(options.peers, min(options.calls, 1000))
    common.finish(
        result,
        options.json,
        f"warm no-op, one at a time: p50 {result['p50_ms']} ms, p99 {result['p99_ms']} ms over {options.calls} calls",
        *(f"  {name:<14}{ms:8.3f} ms" for name, ms in result["stages_p50_ms"].items()),
        f"client {ONE_WAY_S * 1e3:g} ms away: one round trip and {result['link']['over_link_ms']} ms",
        *(f"  {name:<14}{took['p50_ms']:8.3f} ms, p99 {took['p99_ms']} ms" for name, took in result["peers"].items()),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
