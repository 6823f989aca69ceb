"""Very many single calls that wait are cancelled at once: the rate, memory, and what others notice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import common
import simulated


def token_of_somebody_else() -> str:
    yonder = simulated.YONDER
    subprocess.run([yonder, "identity", "create", "other"], check=True, stdout=subprocess.DEVNULL)
    made = subprocess.run(
        [yonder, "token", "create", "--for", "other", "--json"], check=True, stdout=subprocess.PIPE
    )
    return str(json.loads(made.stdout)["secret"])


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--tasks", type=int, default=1_000_000, help="each a bundle of its own")
    options = parser.parse_args()
    endpoint = simulated.Endpoint(64, 1_000_000)
    os.environ["YONDER_OTHER_TOKEN"] = token_of_somebody_else()
    result: dict[str, Any] = {"bench": "cancel", "tasks": options.tasks}
    lines = []
    single = ("-single", "-bundle", "200", "-submit-only")
    for what in ("group", "endpoint", "user"):
        queued = endpoint.load(options.tasks, *single)
        done = endpoint.load(options.tasks, "-cancel", what, "-group", queued["group"])
        result[what] = {key: done[key] for key in ("seconds", "other_alone_s", "other_beside_s")}
        result[what]["tasks_per_s"] = rate = round(done["tasks"] / done["seconds"])
        beside, alone = done["other_beside_s"], done["other_alone_s"]
        lines.append(
            f"{what}: {rate:,} tasks/s; others wait {1000 * beside['p50']:.1f} ms"
            f" (p99 {1000 * beside['p99']:.1f}), else {1000 * alone['p50']:.1f} ms"
        )
    result["service_gib"] = simulated.service_gib()
    common.finish(result, options.json, *lines, f"{result['service_gib']} GiB in the service")
    return 0


if __name__ == "__main__":
    sys.exit(main())
