"""What it brings that tasks travel together: 10,000 single no-ops, with and without.

The executor puts what is submitted while a request is under way into the next one, and service, agent and manager pass on
what has come together. Without: each task is a request of its own, answered before the next is sent, and no manager is given
tasks ahead. In funcX's papers the same took 6.7 s and 118 s. ``calls_together`` is the user's own batching: the same calls as a map.
Every result is checked.
"""

from __future__ import annotations

import concurrent.futures
import sys
import time

import common
import endpoint
import yonder

SLOTS = 4


def noop(number: int) -> int:
    return number


def check(results: list[int]) -> None:
    wrong = sum(a != b for a, b in enumerate(results))
    if wrong:
        raise SystemExit(f"{wrong} results are wrong")


def together(name: str, calls: int) -> float:
    """Seconds."""
    with yonder.Executor(name) as executor:
        executor.submit(noop, 0).result()
        begin = time.perf_counter()
        check([future.result() for future in [executor.submit(noop, number) for number in range(calls)]])
        return time.perf_counter() - begin


def apart(name: str, calls: int) -> float:
    with yonder.Executor(name) as executor:
        executor.submit(noop, 0).result()
        begin = time.perf_counter()
        futures = []
        for number in range(calls):
            futures.append(executor.submit(noop, number))
            futures[-1].accepted.wait()
        concurrent.futures.wait(futures)
        check([future.result() for future in futures])
        return time.perf_counter() - begin


def mapped(name: str, calls: int) -> float:
    with yonder.Executor(name) as executor:
        executor.submit(noop, 0).result()
        begin = time.perf_counter()
        check(list(executor.map(noop, range(calls))))
        return time.perf_counter() - begin


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    calls = options.calls
    with (
        endpoint.running("together", SLOTS, {}) as normal,
        endpoint.running("apart", SLOTS, {"prefetch": "0"}) as plain,
    ):
        turns = {
            "together": lambda: together(normal, calls),
            "apart": lambda: apart(plain, calls),
            "mapped": lambda: mapped(normal, calls),
        }
        seconds = common.medians(common.alternate(turns, options.rounds))
    result = {
        "bench": "batching",
        "calls": calls,
        "batched_s": round(seconds["together"], 3),
        "single_s": round(seconds["apart"], 3),
        "calls_together_s": round(seconds["mapped"], 3),
        "gain": round(seconds["apart"] / seconds["together"], 2),
    }
    common.finish(
        result,
        options.json,
        f"{calls} no-ops: {result['batched_s']} s, one by one {result['single_s']} s, as a map {result['calls_together_s']} s",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
