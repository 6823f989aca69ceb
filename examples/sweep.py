"""Parameter sweep: a simulation for every point of a grid, all at once, and the best point.

How many beam lines should a laboratory have, and how fast, so that users wait little and it costs little? A Monte Carlo
simulation of the queue answers for one pair; the sweep tries all. Where the queue would grow for ever the simulation
fails: such points are named, and the others go on.

    python examples/sweep.py --endpoint NAME --users 5000
"""

from __future__ import annotations

import argparse
import heapq
import random

import yonder

LINES = (1, 2, 3, 4, 5, 6)
SPEEDS = (0.5, 1.0, 1.5, 2.0)  # users that one line serves in an hour
ARRIVALS = 2.0  # users that come in an hour
Point = tuple[int, float]


def cost(lines: int, speed: float, users: int, seed: int) -> float:
    """What an hour costs: the lines, faster ones more, and the time that users wait."""
    if lines * speed <= ARRIVALS:
        raise ValueError(f"{ARRIVALS} users an hour come, and {lines * speed} are served")
    return lines * (1 + speed) + 4 * ARRIVALS * waiting_time(lines, speed, users, seed)


def waiting_time(lines: int, speed: float, users: int, seed: int) -> float:
    """Mean hours until a user's turn, of many users who come at random."""
    rng = random.Random(seed)
    free_at = [0.0] * lines
    now = waited = 0.0
    for _ in range(users):
        now += rng.expovariate(ARRIVALS)
        begin = max(now, heapq.heappop(free_at))
        waited += begin - now
        heapq.heappush(free_at, begin + rng.expovariate(speed))
    return waited / users


def sweep(executor: yonder.Executor, users: int, seed: int) -> tuple[dict[Point, float], dict[Point, str]]:
    """The costs of all points, and what was wrong where there is none."""
    points = [(lines, speed) for lines in LINES for speed in SPEEDS]
    futures = [executor.submit(cost, *point, users, seed) for point in points]
    costs, problems = {}, {}
    for point, future in zip(points, futures):
        error = future.exception()
        if error is None:
            costs[point] = future.result()
        else:
            problems[point] = str(error)
    return costs, problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", help="name or id of the endpoint (default: the only one online)")
    parser.add_argument("--users", type=int, default=20_000, help="users in each simulation")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with yonder.Executor(options.endpoint) as executor:
        costs, problems = sweep(executor, options.users, options.seed)
    for (lines, speed), problem in sorted(problems.items()):
        print(f"no answer for {lines} lines of speed {speed}: {problem}")
    print("\ncost an hour, by lines (down) and their speed (across)")
    print("     " + "".join(f"{speed:>8}" for speed in SPEEDS))
    for lines in LINES:
        cells = (costs.get((lines, speed)) for speed in SPEEDS)
        print(f"{lines:>5}" + "".join("       -" if cell is None else f"{cell:8.2f}" for cell in cells))
    lines, speed = min(costs, key=lambda point: costs[point])
    print(f"\nbest of {len(costs)} points ({len(problems)} failed): {lines} lines of speed {speed}, "
          f"cost {costs[lines, speed]:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
