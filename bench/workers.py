"""One agent with 131,072 simulated workers: ten no-ops for each, then a sleep on all of them at once.

funcX: 989 s for the no-ops. --managers 16384 --tasks 1 makes it 1,048,576 workers, as far as memory allows: when less
than --least-gib is left on the machine, what was reached is told instead.
"""

from __future__ import annotations

import sys
from typing import Any

import common
import simulated


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--managers", type=int, default=2048)
    parser.add_argument("--workers", type=int, default=64, help="of each manager")
    parser.add_argument("--tasks", type=int, default=10, help="no-ops for each worker")
    parser.add_argument("--sleep", type=float, default=10, help="seconds")
    parser.add_argument("--least-gib", type=float, default=1, help="memory to leave on the machine")
    options = parser.parse_args()
    workers = options.managers * options.workers
    endpoint = simulated.Endpoint(options.workers, (options.tasks + 6) * workers, least_gib=options.least_gib)
    endpoint.start()
    result: dict[str, Any] = {"bench": "workers", "workers": workers, "connected": 0, "verified": 0}
    try:
        run(endpoint, options, result)
    except simulated.NoRoom as full:
        result["connected"] = max(result["connected"], full.managers * options.workers)
        result["no_room"] = str(full)
    endpoint.stop()
    common.finish(result, options.json, *told(result, options.tasks))
    return 0


def run(endpoint: simulated.Endpoint, options: Any, result: dict[str, Any]) -> None:
    """Adds to the result as it goes."""
    workers = options.managers * options.workers
    with endpoint.managers(options.managers, options.workers) as crowd:
        result["connected"] = workers
        result["agent_kib_each"], result["manager_kib_each"] = endpoint.kib_each(crowd, workers)
        noop = endpoint.load(options.tasks * workers)
    result |= {"noop_s": round(noop["seconds"], 2), "noop_tasks_per_s": round(noop["tasks_per_s"])}
    result["verified"] += noop["verified"]
    with endpoint.managers(options.managers, options.workers, f"sleep:{options.sleep}s"):
        sleep = endpoint.load(workers)
        result["rss_gib"] = endpoint.rss_gib()
    result |= {"sleep_s": round(sleep["seconds"], 2), "concurrent": sleep["concurrent"]}
    result["verified"] += sleep["verified"]


def told(result: dict[str, Any], tasks: int) -> list[str]:
    lines = [f"{result['connected']:,} of {result['workers']:,} workers connected"]
    if "noop_s" in result:
        lines += [f"{tasks * result['workers']:,} no-ops in {result['noop_s']} s"]
    if "sleep_s" in result:
        lines += [f"{result['concurrent']:,} of {result['workers']:,} sleeps at once, {result['sleep_s']} s"]
    return [*lines, *([result["no_room"]] if "no_room" in result else [])]


if __name__ == "__main__":
    sys.exit(main())
