"""Single no-op calls through one agent with simulated workers, every result checked. funcX: 1,694 tasks a second."""

from __future__ import annotations

import sys

import common
import simulated


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--managers", type=int, default=64)
    parser.add_argument("--workers", type=int, default=64, help="of each manager")
    options = parser.parse_args()
    endpoint = simulated.Endpoint(options.workers, options.tasks)
    endpoint.start()
    with endpoint.managers(options.managers, options.workers):
        endpoint.load(20_000)  # the function is known and the workers are there
        agent = endpoint.process()
        before = common.processor_s(agent)
        load = endpoint.load(options.tasks)
        agent_us = (common.processor_s(agent) - before) / options.tasks * 1e6
        rss = endpoint.rss_gib()
    endpoint.stop()
    result = {
        "bench": "agent",
        "tasks": options.tasks,
        "tasks_per_s": round(load["tasks_per_s"]),
        "submit_s": round(load["submit_s"], 2),
        "seconds": round(load["seconds"], 2),
        "verified": load["verified"],
        "agent_us": round(agent_us, 2),  # of its processor for a task
        "rss_gib": rss,
    }
    common.finish(
        result,
        options.json,
        f"{result['tasks_per_s']:,} tasks a second, {result['verified']:,} results verified",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
