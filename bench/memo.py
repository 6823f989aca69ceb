"""What a memo saves: calls that sleep and return twice their argument, a part of which had been run before.

After funcX's papers: 100,000 calls of a second each, of which 0 to 100 % were known, took 403.8 s down to 63.2 s. Here calls
are shorter and fewer; ``ideal_s`` is the sleep that is left, divided by the workers. Every result is checked.
"""

from __future__ import annotations

import sys
import time

import common
import yonder

# up: --slots 16
SLOTS = 16
SHARES = (0, 25, 50, 75, 100)


def double(number: int, seconds: float) -> int:
    import time

    time.sleep(seconds)
    return 2 * number


def seconds_of(executor: yonder.Executor, function: yonder.Function, numbers: range, sleep: float) -> float:
    begin = time.perf_counter()
    futures = [executor.submit(function, number, sleep) for number in numbers]
    wrong = sum(future.result() != 2 * number for number, future in zip(numbers, futures))
    if wrong:
        raise SystemExit(f"{wrong} results are wrong")
    return time.perf_counter() - begin


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--sleep-ms", type=float, default=10)
    options = parser.parse_args()
    calls, sleep = options.calls, options.sleep_ms / 1e3
    rows = []
    with yonder.Executor() as executor:
        client = executor.client
        function = client.register_function(double, name="double", memo="private")
        seconds_of(executor, function, range(-1, -500, -1), 0.0)  # warm
        for turn, share in enumerate(SHARES):
            first = turn * 10 * calls  # numbers that no turn before has used
            known = calls * share // 100
            seconds_of(executor, function, range(first, first + known), sleep)
            took = seconds_of(executor, function, range(first, first + calls), sleep)
            rows.append({"known_percent": share, "seconds": round(took, 3), "ideal_s": (calls - known) * sleep / SLOTS})
            common.say(f"{share} % known: {took:.2f} s")
    result = {
        "bench": "memo",
        "calls": calls,
        "sleep_ms": options.sleep_ms,
        "slots": SLOTS,
        "rows": rows,
        "known_per_s": round(calls / rows[-1]["seconds"]),
        "reduction": round(1 - rows[-1]["seconds"] / rows[0]["seconds"], 3),
    }
    common.finish(
        result,
        options.json,
        *(f"{row['known_percent']:>4} % known {row['seconds']:>8.2f} s (ideal {row['ideal_s']:.2f})" for row in rows),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
