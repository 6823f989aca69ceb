"""One agent with 131,072 simulated workers: ten no-ops for each, then a sleep on all of them at once.

funcX: 989 s for the no-ops.
"""

from __future__ import annotations

import sys

import common
import simulated


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--managers", type=int, default=2048)
    parser.add_argument("--workers", type=int, default=64, help="of each manager")
    parser.add_argument("--sleep", type=float, default=10, help="seconds")
    options = parser.parse_args()
    workers = options.managers * options.workers
    endpoint = simulated.Endpoint(options.workers, 16 * workers)
    endpoint.start()
    with endpoint.managers(options.managers, options.workers):
        noop = endpoint.load(10 * workers)
    with endpoint.managers(options.managers, options.workers, f"sleep:{options.sleep}s"):
        sleep = endpoint.load(workers)
        rss = endpoint.rss_gib()
    endpoint.stop()
    result = {
        "bench": "workers",
        "workers": workers,
        "noop_s": round(noop["seconds"], 2),
        "noop_tasks_per_s": round(noop["tasks_per_s"]),
        "sleep_s": round(sleep["seconds"], 2),
        "concurrent": sleep["concurrent"],
        "verified": noop["verified"] + sleep["verified"],
        "rss_gib": rss,
    }
    common.finish(
        result,
        options.json,
        f"{10 * workers:,} no-ops in {result['noop_s']} s; {result['concurrent']:,} of {workers:,} sleeps at once, {result['sleep_s']} s",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
