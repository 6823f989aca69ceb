"""Calls queued for an endpoint that is offline: the rate of submission, the service's memory, and how fast they drain.

A tenth of them takes about a second, in which anything else on the machine shows in the rate. What the service's processor
spends on a task tells whether it is the backlog that makes submission slower.
"""

from __future__ import annotations

import sys

import common
import simulated


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--tasks", type=int, default=10_000_000)
    parser.add_argument("--managers", type=int, default=64)
    parser.add_argument("--workers", type=int, default=64, help="of each manager")
    options = parser.parse_args()
    endpoint = simulated.Endpoint(options.workers, 1_000_000)
    with common.Meter(simulated.service()) as meter:
        queued = endpoint.load(options.tasks, "-submit-only")
    after_submit = simulated.service_gib()
    endpoint.start()
    with endpoint.managers(options.managers, options.workers):
        drained = endpoint.load(options.tasks, "-group", queued["group"])
    endpoint.stop()
    rates = queued["submit_rates"]
    spent = [meter.until(at) for at in [queued["tenths"][0] - options.tasks / 10 / rates[0], *queued["tenths"]]]
    service_us = [(b - a) / (options.tasks / 10) * 1e6 for a, b in zip(spent, spent[1:])]
    result = {
        "bench": "backlog",
        "tasks": options.tasks,
        "submit_tasks_per_s": round(options.tasks / queued["submit_s"]),
        "submit_rates": [round(rate) for rate in rates],  # of each tenth
        "spread": round(max(rates) / min(rates) - 1, 3),
        "service_us": [round(us, 3) for us in service_us],  # of its processor for a task, by tenths
        "service_us_spread": round(max(service_us) / min(service_us) - 1, 3) if min(service_us) > 0 else None,
        "service_gib_queued": after_submit,
        "service_gib": simulated.service_gib(),
        "drain_tasks_per_s": round(drained["tasks_per_s"]),
        "verified": drained["verified"],
    }
    common.finish(
        result,
        options.json,
        f"submitted at {result['submit_tasks_per_s']:,}/s, drained at {result['drain_tasks_per_s']:,}/s, {result['service_gib']} GiB",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
