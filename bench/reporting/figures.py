"""Which figures are promised, and what was aimed at. One place for the page and its charts."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from typing import Any, Optional

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "bench" / "results"
NAMES = {"dask": "Dask", "ray": "Ray", "parsl": "Parsl", "celery": "Celery", "yonder": "Yonder"}

Result = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Figure:
    """A value of a benchmark's result, by its path, and its aim: at least ``low``, at most ``high``."""

    bench: str
    path: str
    label: str
    unit: str = ""
    low: Optional[float] = None
    high: Optional[float] = None

    def of(self, results: dict[str, Result]) -> Optional[float]:
        value: Any = results.get(self.bench)
        for key in self.path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    def aim(self) -> str:
        if self.low is not None:
            return f"≥ {number(self.low)}"
        return f"≤ {number(self.high)}" if self.high is not None else ""

    def reached(self, value: float) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


FIGURES = [
    Figure("single", "tasks_per_s", "Single no-op tasks, one client, four workers", "a second", low=20_000),
    Figure("single", "ratio.dask", "… of Dask's rate", "times", low=5),
    Figure("single", "ratio.ray", "… of Ray's", "times", low=5),
    Figure("single", "ratio.parsl", "… of Parsl's", "times", low=10),
    Figure("single", "ratio.celery", "… of Celery's", "times", low=10),
    Figure("latency", "p50_ms", "A warm no-op, median", "ms", high=2),
    Figure("latency", "p99_ms", "… 99th percentile", "ms", high=8),
    Figure("latency", "link.over_link_ms", "… beyond one round trip, 25 ms away", "ms", high=3),
    Figure("map", "calls_per_s", "Calls of a map", "a second", low=2_000_000),
    Figure("map", "ratio_to_pool_map", "… of the rate of multiprocessing.Pool.map", "times", low=0.8),
    Figure("payload", "mb_tasks_per_s", "Calls with 1 MB in and out", "a second", low=200),
    Figure("payload", "over_floor_100_mb", "100 MB in and out, of hash, durable write and copy", "times", high=1.5),
    Figure("real", "live", "Python workers live at once", "", low=2000),
    Figure("real", "pss_mib_each", "… memory of each", "MiB"),
    Figure("real", "lost", "… lost results", "", high=0),
    Figure("batching", "gain", "Tasks travelling together instead of one by one (funcX: 17.6)", "times faster"),
    Figure("prefetch", "gain", "No-ops with tasks given ahead", "times faster"),
    Figure("memo", "known_per_s", "Calls that a memo answers", "a second"),
    Figure("memo", "reduction", "Time of a run that is known beside one that is not (funcX: 0.84)", "less"),
    Figure("agent", "tasks_per_s", "Single tasks through one agent", "a second", low=100_000),
    Figure("workers", "noop_s", "1,310,720 no-ops on 131,072 workers", "s", high=15),
    Figure("workers", "sleep_s", "131,072 sleeps of 10 s at once", "s", high=13),
    Figure("workers", "rss_gib", "… memory of the agent", "GiB", high=4),
    Figure("endpoints", "cores", "10,000 connected endpoints, a task a second each: cores of the service", "", high=2),
    Figure("endpoints", "gib", "… memory of the service", "GiB", high=4),
    Figure("endpoints", "p99_ms", "… 99th percentile of a task's time", "ms", high=50),
    Figure("backlog", "drain_tasks_per_s", "10 million tasks for an endpoint that was away, drained", "a second"),
    Figure("backlog", "spread", "… fastest tenth of the submission over the slowest", "more", high=0.2),
    Figure("backlog", "service_us_spread", "… the same of the service's processor time a task", "more", high=0.2),
    Figure("backlog", "service_gib", "… memory of the service", "GiB", high=1),
    Figure("faults", "recovery_s", "A manager lost, its tasks done again", "s", high=2.5),
    Figure("faults", "return_s", "Endpoint back after 40 s, at full rate", "s", high=1),
    Figure("soak", "wrong", "Wrong results in a soak", "", high=0),
]


def load(directory: pathlib.Path = RESULTS) -> dict[str, Result]:
    """All committed results, by benchmark."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(directory.glob("*.json"))}


def digest(*values: Any) -> str:
    """What a chart was made from, to tell whether it still is."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def number(value: Any) -> str:
    """A number as people read it, three places or so."""
    if value is None:
        return "–"
    if isinstance(value, float) and not value.is_integer() and abs(value) < 1000:
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    return f"{value:,.0f}"
