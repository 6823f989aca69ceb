"""funcX's strong scaling: 100,000 calls on ever more simulated workers, 64 on each manager."""

from __future__ import annotations

import sys

import common
import scaling
import simulated

# Seconds of 100,000 calls on Theta, by workers (funcX, TPDS figure 4a): no-op, 1 s sleep.
FUNCX = {
    64: (183.0, 1587.5), 256: (63.0, 411.9), 1024: (62.9, 99.2), 4096: (61.8, 62.8), 16384: (63.1, 64.8), 65536: (65.7, 64.6),
}  # fmt: skip


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--tasks", type=int, default=100_000)
    scaling.options(parser)
    options = parser.parse_args()
    endpoint = simulated.Endpoint(scaling.PER_MANAGER, 2 * options.tasks)
    found = scaling.run(endpoint, options, lambda _: options.tasks, FUNCX)
    common.finish({"bench": "strong", "tasks": options.tasks, **found}, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
