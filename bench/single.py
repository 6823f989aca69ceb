"""Single no-op tasks from one client: one submit and one future each, four workers.

Yonder, Dask, Ray, Parsl and Celery have their turns one after the other, several times over; figures are medians. How
each is set up is in bench/peers/README.md. Every result is checked.
"""

from __future__ import annotations

import sys
import time

import common
import yonder

# up: --slots 4
WORKERS = 4


def noop(number: int) -> int:
    return number


def ours(tasks: int) -> float:
    """Tasks a second."""
    with yonder.Executor() as executor:
        run(executor, 500)
        begin = time.perf_counter()
        wrong = run(executor, tasks)
        seconds = time.perf_counter() - begin
    if wrong:
        raise SystemExit(f"{wrong} results are wrong")
    return tasks / seconds


def run(executor: yonder.Executor, tasks: int) -> int:
    futures = [executor.submit(noop, number) for number in range(tasks)]
    return sum(future.result() != number for number, future in enumerate(futures))


def theirs(name: str, tasks: int, versions: dict[str, str]) -> float:
    with common.peer(name, WORKERS) as peer:
        versions[name] = peer.version
        return tasks / peer.ask("single", tasks=tasks)["seconds"]


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--tasks", type=int, default=50_000)
    parser.add_argument(
        "--peer-tasks", type=int, default=10_000, help="for each other system; fewer take less time, and favour it"
    )
    parser.add_argument("--rounds", type=int, default=3)
    common.peers_option(parser)
    options = parser.parse_args()
    versions: dict[str, str] = {}
    turns = {"yonder": lambda: ours(options.tasks)}
    for name in options.peers:
        turns[name] = lambda name=name: theirs(name, options.peer_tasks, versions)
    rates = common.medians(common.alternate(turns, options.rounds))
    best = rates.pop("yonder")
    result = {
        "bench": "single",
        "tasks": options.tasks,
        "workers": WORKERS,
        "rounds": options.rounds,
        "tasks_per_s": round(best),
        "peers_tasks": options.peer_tasks,
        "peers_tasks_per_s": {name: round(rate) for name, rate in rates.items()},
        "ratio": {name: round(best / rate, 2) for name, rate in rates.items()},
        "versions": versions,
    }
    common.finish(
        result,
        options.json,
        f"{best:,.0f} tasks a second",
        *(f"  {name:<8}{rate:>10,.0f}   {best / rate:6.2f} times as many" for name, rate in rates.items()),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
