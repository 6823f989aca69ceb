"""Real Python workers, as many as this machine carries: 2,000 forked processes on one manager, all live at once.

Every worker has a call at the same time: each waits until all have begun (they count themselves in a directory), so a
worker that is missing would stop the run. Then come no-ops and sleeps mixed. Memory is the proportional set size (PSS) of all
processes below the manager, shared by the number of workers. Every result is checked; ``lost`` has to be 0.
"""

from __future__ import annotations

import pathlib
import random
import re
import sys
import tempfile
import time

import common
import yonder

# up: --slots 2000
WORKERS = 2000
# One that has not met all others by then gives up.
MEET_S = 240


def meet(number: int, place: str, patience: float) -> tuple[int, int]:
    """Wait until all have come; who came, in which process."""
    import os
    import time

    open(f"{place}/{number}", "x").close()
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if os.path.isdir(f"{place}/all"):
            return number, os.getpid()
        time.sleep(0.5)
    return -1, os.getpid()


def work(number: int, seconds: float) -> int:
    import time

    if seconds:
        time.sleep(seconds)
    return number


def gather(executor: yonder.Executor, workers: int, seen: dict[str, float]) -> int:
    """Have all workers live at once, and measure them; how many calls did not meet the others."""
    with tempfile.TemporaryDirectory(prefix="yonder-bench-real.") as name:
        place = pathlib.Path(name)
        begin = time.perf_counter()
        futures = [executor.submit(meet, number, name, MEET_S) for number in range(workers)]
        while (there := sum(1 for _ in place.iterdir())) < workers:
            if time.perf_counter() - begin > MEET_S:
                common.say(f"{there} of {workers} workers have come")
                break
            time.sleep(0.1)
        seen["all_live_s"] = round(time.perf_counter() - begin, 2)
        seen |= memory()
        (place / "all").mkdir()
        results = [future.result(timeout=MEET_S) for future in futures]
    seen["live"] = len({pid for number, pid in results if number >= 0})
    return sum(result[0] != number for number, result in enumerate(results))


def memory() -> dict[str, float]:
    """MiB of all workers together and of each."""
    import os

    found = common.processes(os.environ["YONDER_HOME"])["workers"]
    total, counted = 0.0, 0
    for entry in found:
        try:
            rollup = (entry / "smaps_rollup").read_text()
        except OSError:
            continue
        total += int(re.search(r"^Pss:\s+(\d+)", rollup, re.M)[1]) / 1024
        counted += 1
    return {"processes": counted, "pss_mib": round(total, 1), "pss_mib_each": round(total / max(counted, 1), 3)}


def mixed(executor: yonder.Executor, tasks: int) -> tuple[float, int]:
    """Seconds, and how many results are missing or wrong."""
    chance = random.Random(1)
    naps = [chance.choice((0, 0, 0, 0.1, 0.5, 1.0)) for _ in range(tasks)]
    begin = time.perf_counter()
    futures = [executor.submit(work, number, nap) for number, nap in enumerate(naps)]
    wrong = sum(future.exception() is not None or future.result() != number for number, future in enumerate(futures))
    return time.perf_counter() - begin, wrong


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--workers", type=int, default=WORKERS, help="no more than the endpoint has slots")
    parser.add_argument("--tasks", type=int, default=20_000, help="of the mix")
    options = parser.parse_args()
    seen: dict[str, float] = {}
    with yonder.Executor(max_attempts=1) as executor:
        apart = gather(executor, options.workers, seen)
        seconds, wrong = mixed(executor, options.tasks)
    result = {
        "bench": "real",
        "workers": options.workers,
        **seen,
        "tasks": options.tasks,
        "mixed_s": round(seconds, 2),
        "tasks_per_s": round(options.tasks / seconds),
        "lost": apart + wrong,
    }
    common.finish(
        result,
        options.json,
        f"{seen['live']} of {options.workers} workers live at once after {seen['all_live_s']} s",
        f"{seen['pss_mib_each']} MiB each, {seen['pss_mib']} MiB together",
        f"{options.tasks} sleeps and no-ops in {seconds:.1f} s, {result['lost']} lost",
    )
    return int(result["lost"] > 0)


if __name__ == "__main__":
    sys.exit(main())
