"""What it brings to give a manager tasks ahead of its free slots: single calls that sleep 0, 1, 10 and 100 ms.

After funcX's papers: 10,000 calls at once on four nodes with 64 workers, by the number of tasks that a node is given ahead.
There prefetching took no-ops from about 120 s to 6.5 s, and 64, one for each worker, was enough. Here two managers with four
workers each run on one machine, and ``managers.prefetch`` counts tasks ahead for each slot; the default is measured too.
Every result is checked.
"""

from __future__ import annotations

import statistics
import sys
import time

import common
import endpoint
import yonder

MANAGERS, SLOTS = 2, 4
AHEAD = (0, 1, 4, 8, 16, 64)
# Sleeps in milliseconds, and how many calls of each are half a second or so of work.
WORK = {0: 5_000, 1: 2_500, 10: 400, 100: 80}


def nap(number: int, seconds: float) -> int:
    import time

    if seconds:
        time.sleep(seconds)
    return number


def seconds_of(executor: yonder.Executor, ms: int, calls: int) -> float:
    begin = time.perf_counter()
    futures = [executor.submit(nap, number, ms / 1e3) for number in range(calls)]
    wrong = sum(future.result() != number for number, future in enumerate(futures))
    if wrong:
        raise SystemExit(f"{wrong} results are wrong")
    return time.perf_counter() - begin


def measure(ahead: int, rounds: int) -> dict[str, float]:
    settings = {
        "prefetch": str(ahead),
        "init_blocks": str(MANAGERS),
        "min_blocks": str(MANAGERS),
        "max_blocks": str(MANAGERS),
    }
    with endpoint.running(f"ahead-{ahead}", SLOTS, settings) as name, yonder.Executor(name) as executor:
        seconds_of(executor, 0, 500)  # warm
        found = {ms: [seconds_of(executor, ms, calls) for _ in range(rounds)] for ms, calls in WORK.items()}
    row = {f"sleep_{ms}_ms_s": round(statistics.median(values), 3) for ms, values in found.items()}
    common.say(f"{ahead} ahead: {row}")
    return row


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows = [{"ahead_per_slot": ahead, **measure(ahead, options.rounds)} for ahead in AHEAD]
    first, default = rows[0], next(row for row in rows if row["ahead_per_slot"] == 8)
    result = {
        "bench": "prefetch",
        "managers": MANAGERS,
        "slots": SLOTS,
        "calls": {f"sleep_{ms}_ms": calls for ms, calls in WORK.items()},
        "ideal_s": {f"sleep_{ms}_ms": ms / 1e3 * calls / MANAGERS / SLOTS for ms, calls in WORK.items()},
        "rows": rows,
        "gain": round(first["sleep_0_ms_s"] / default["sleep_0_ms_s"], 2),
    }
    common.finish(
        result,
        options.json,
        "ahead per slot " + "".join(f"{f'{ms} ms':>10}" for ms in WORK),
        *(
            f"{row['ahead_per_slot']:>14} " + "".join(f"{row[f'sleep_{ms}_ms_s']:>9.2f}s" for ms in WORK)
            for row in rows
        ),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
