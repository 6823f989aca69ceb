"""funcX's weak scaling: ten calls for each of ever more simulated workers, 64 on each manager."""

from __future__ import annotations

import sys

import common
import simulated

# Seconds of ten calls a worker on Theta, by workers (funcX, TPDS figure 4b; the last is Cori): no-op, 1 s sleep.
FUNCX = {
    64: (1.28, 10.3), 256: (1.76, 10.8), 1024: (6.8, 11.1), 4096: (25.0, 26.8), 16384: (104.6, 99.0), 65536: (400.1, 415.0),
    131072: (989.1, None),
}  # fmt: skip


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument(
        "--workers",
        type=int,
        nargs="+",
        default=[64, 256, 1024, 4096, 16384, 65536, 131072],
    )
    parser.add_argument(
        "--work", nargs="+", default=["noop", "sleep:1s"], choices=["noop", "sleep:1s"]
    )
    options = parser.parse_args()
    endpoint = simulated.Endpoint(64, 16 * max(options.workers))
    endpoint.start()
    table, verified = [], 0
    for work in options.work:
        for workers in options.workers:
            with endpoint.managers(max(workers // 64, 1), 64, work):
                load = endpoint.load(10 * workers)
            verified += load["verified"]
            row = {
                "work": work,
                "workers": workers,
                "seconds": round(load["seconds"], 2),
            }
            row["ideal_s"] = 10 if work != "noop" else 0
            row["efficiency"] = round(row["ideal_s"] / load["seconds"], 3)
            row["funcx_s"] = FUNCX.get(workers, (None, None))[int(work != "noop")]
            table.append(row)
            common.say(
                f"{work:<10}{workers:>8} workers{row['seconds']:>10} s   ideal {row['ideal_s']} s   funcX {row['funcx_s'] or '-'} s"
            )
    endpoint.stop()
    common.finish(
        {
            "bench": "weak",
            "table": table,
            "verified": verified,
        },
        options.json,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
