"""funcX's weak scaling: ten calls for each of ever more simulated workers, 64 on each manager."""

from __future__ import annotations

import sys

import common
import scaling
import simulated

# Seconds of ten calls a worker on Theta, by workers (funcX, TPDS figure 4b; the last is Cori): no-op, 1 s sleep.
FUNCX = {
    64: (1.28, 10.3), 256: (1.76, 10.8), 1024: (6.8, 11.1), 4096: (25.0, 26.8), 16384: (104.6, 99.0), 65536: (400.1, 415.0),
    131072: (989.1, None),
}  # fmt: skip
CALLS = 10  # for each worker


def main() -> int:
    parser = common.parser(__doc__)
    scaling.options(parser)
    options = parser.parse_args()
    endpoint = simulated.Endpoint(scaling.PER_MANAGER, 16 * max(options.workers))
    found = scaling.run(endpoint, options, lambda workers: CALLS * workers, FUNCX)
    common.finish({"bench": "weak", **found}, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
