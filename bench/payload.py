"""Calls that carry their argument back, from nothing to 100 MB each way, beside Parsl; four workers.

``floor_s`` is what one payload of the size costs at least, both ways: hashed, written durably and copied, measured in the
same run on the disk that has the service's state. Every result is compared with what was sent.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from typing import Any, Optional

import common
import yonder

# up: --slots 4
WORKERS = 4
SIZES = (0, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
# What the calls of one turn carry each way together, and how many calls there are at most and at least.
TURN_BYTES, MOST, LEAST = 200_000_000, 2000, 2


def echo(data: bytes) -> bytes:
    return data


def calls_of(size: int) -> int:
    return max(LEAST, min(MOST, TURN_BYTES // max(size, 1)))


def floor(size: int) -> float:
    """Seconds to hash, write durably and copy a payload twice: there and back."""
    data = os.urandom(size)
    begin = time.perf_counter()
    for _ in range(2):
        hashlib.sha256(data).digest()
        with tempfile.NamedTemporaryFile(dir=os.environ["YONDER_HOME"]) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        bytearray(data)
    return time.perf_counter() - begin


def ours(executor: yonder.Executor, size: int, calls: int) -> float:
    """Calls a second."""
    data = os.urandom(size)
    begin = time.perf_counter()
    futures = [executor.submit(echo, data) for _ in range(calls)]
    wrong = sum(future.result() != data for future in futures)
    seconds = time.perf_counter() - begin
    if wrong:
        raise SystemExit(f"{wrong} results are wrong")
    return calls / seconds


def one(executor: yonder.Executor, size: int) -> float:
    """Seconds that a call takes with nothing beside it."""
    return 1 / ours(executor, size, 1)


def measure(executor: yonder.Executor, peer: Optional[common.Peer], size: int, rounds: int) -> dict[str, Any]:
    calls = calls_of(size)
    turns = {
        "yonder": lambda: ours(executor, size, calls),
        "one": lambda: one(executor, size),
        "floor": lambda: floor(size),
    }
    if peer is not None:
        turns["parsl"] = lambda: calls / peer.ask("payload", tasks=calls, size=size)["seconds"]
    common.say(f"{size:,} bytes, {calls} calls")
    found = common.medians(common.alternate(turns, rounds))
    row = {
        "bytes": size,
        "calls": calls,
        "tasks_per_s": round(found["yonder"], 2),
        "one_s": round(found["one"], 4),
        "floor_s": round(found["floor"], 4),
        "over_floor": round(found["one"] / found["floor"], 2),
    }
    if "parsl" in found:
        row["parsl_tasks_per_s"] = round(found["parsl"], 2)
        row["ratio"] = round(found["yonder"] / found["parsl"], 2)
    return row


def start(names: list[str]) -> Optional[common.Peer]:
    if "parsl" not in names:
        return None
    try:
        return common.Peer("parsl", WORKERS)
    except common.PeerError as error:
        common.say(f"parsl: {error}")
        return None


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="the largest size, in bytes")
    common.peers_option(parser, ("parsl",))
    options = parser.parse_args()
    peer = start(options.peers)
    with yonder.Executor() as executor:
        ours(executor, 0, 500)  # warm
        rows = [measure(executor, peer, size, options.rounds) for size in SIZES if size <= options.most]
    version = {"parsl": peer.version} if peer else {}
    if peer:
        peer.close()
    by_size = {row["bytes"]: row for row in rows}
    result = {"bench": "payload", "workers": WORKERS, "rounds": options.rounds, "sizes": rows, "versions": version}
    if 1_000_000 in by_size:
        result["mb_tasks_per_s"] = by_size[1_000_000]["tasks_per_s"]
    if 100_000_000 in by_size:
        result["over_floor_100_mb"] = by_size[100_000_000]["over_floor"]
    common.finish(
        result,
        options.json,
        f"{'bytes':>12}{'tasks/s':>12}{'one, s':>10}{'floor, s':>10}{'parsl/s':>12}",
        *(
            f"{row['bytes']:>12,}{row['tasks_per_s']:>12,.1f}{row['one_s']:>10.3f}{row['floor_s']:>10.3f}"
            f"{row.get('parsl_tasks_per_s', float('nan')):>12,.1f}"
            for row in rows
        ),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
