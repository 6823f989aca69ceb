"""Single no-op calls through one agent with simulated workers, every result checked. funcX: 1,694 tasks a second."""

from __future__ import annotations

import argparse
import json
import sys

import simulated


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--managers", type=int, default=64)
    parser.add_argument("--workers", type=int, default=64, help="of each manager")
    parser.add_argument("--json", action="store_true", help="print only the JSON object")
    options = parser.parse_args()
    endpoint = simulated.Endpoint(options.workers, options.tasks)
    endpoint.start()
    with endpoint.managers(options.managers, options.workers):
        endpoint.load(20_000)  # the function is known and the workers are there
        load = endpoint.load(options.tasks)
        rss = endpoint.rss_gib()
    endpoint.stop()
    result = {
        "bench": "agent",
        "tasks": options.tasks,
        "tasks_per_s": round(load["tasks_per_s"]),
        "submit_s": round(load["submit_s"], 2),
        "seconds": round(load["seconds"], 2),
        "verified": load["verified"],
        "rss_gib": rss,
        **simulated.circumstances(),
    }
    if not options.json:
        print(f"{result['tasks_per_s']:,} tasks a second, {result['verified']:,} results verified")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
