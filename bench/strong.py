"""funcX's strong scaling: 100,000 calls on ever more simulated workers, 64 on each manager."""

from __future__ import annotations

import sys

import common
import simulated

# Seconds of 100,000 calls on Theta, by workers (funcX, TPDS figure 4a): no-op, 1 s sleep.
FUNCX = {
    64: (183.0, 1587.5), 256: (63.0, 411.9), 1024: (62.9, 99.2), 4096: (61.8, 62.8), 16384: (63.1, 64.8), 65536: (65.7, 64.6),
}  # fmt: skip


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument(
        "--workers",
        type=int,
        nargs="+",
        default=[64, 256, 1024, 4096, 16384, 65536, 131072],
    )
    parser.add_argument("--work", nargs="+", default=["noop", "sleep:1s"])
    options = parser.parse_args()
    endpoint = simulated.Endpoint(64, 2 * options.tasks)
    endpoint.start()
    table, verified = [], 0
    for work in options.work:
        sleep = float(work.removeprefix("sleep:").removesuffix("s")) if work != "noop" else 0.0
        for workers in options.workers:
            with endpoint.managers(max(workers // 64, 1), 64, work):
                load = endpoint.load(options.tasks)
            verified += load["verified"]
            ideal = -(-options.tasks // workers) * sleep
            row = {
                "work": work,
                "workers": workers,
                "seconds": round(load["seconds"], 2),
                "ideal_s": ideal,
            }
            row["efficiency"] = round(ideal / load["seconds"], 3)
            row["funcx_s"] = (
                FUNCX.get(workers, (None, None))[int(work != "noop")]
                if work in ("noop", "sleep:1s")
                else None
            )
            table.append(row)
            common.say(
                f"{work:<10}{workers:>8} workers{row['seconds']:>10} s   ideal {ideal:.0f} s   funcX {row['funcx_s'] or '-'} s"
            )
    endpoint.stop()
    common.finish(
        {
            "bench": "strong",
            "tasks": options.tasks,
            "table": table,
            "verified": verified,
        },
        options.json,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
