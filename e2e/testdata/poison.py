"""Runs calls that kill their workers, and prints what becomes of them: poison.py DIR"""

import pathlib
import sys
import time

import yonder


def deadly(directory: str, name: str) -> int:
    import os
    import pathlib

    with (pathlib.Path(directory) / name).open("a") as record:
        record.write("began\n")
    os._exit(3)


def deadly_at(x: int) -> int:
    if x == 333:
        import ctypes

        ctypes.string_at(0)
    return x + 1


def slow(directory: str) -> None:
    import pathlib
    import time

    with (pathlib.Path(directory) / "slow").open("a") as record:
        record.write("began\n")
    time.sleep(600)


def outcome(future) -> str:
    error = future.exception(60)
    if error is None:
        return str(future.result())
    return f"{type(error).__name__}: {error}".partition(" (task ")[0]


def main() -> None:
    directory = sys.argv[1]
    began = lambda name: (pathlib.Path(directory) / name).read_text().count("began")
    with yonder.Executor("local", max_attempts=1) as executor:
        print("once", outcome(executor.submit(deadly, directory, "once")), began("once"))
        list(executor.map(deadly_at, range(20)))  # its speed is known from now on
        calls = [executor.submit(deadly_at, i) for i in range(320, 340)]
        failed = [i for i, call in zip(range(320, 340), calls) if call.exception(60)]
        print("singles", failed)
        values = executor.map(deadly_at, range(1000), chunksize=1000)
        good = 0
        try:
            for value in values:
                good += value > 0
        except yonder.TaskFailed as error:
            print("map", good, type(error).__name__, "SIGSEGV" in str(error))
    policy = yonder.Retry(max_attempts=3, backoff=0.3, factor=1)
    with yonder.Executor("local", retry=policy) as executor:
        begin = time.monotonic()
        print(
            "thrice",
            outcome(executor.submit(deadly, directory, "thrice")),
            began("thrice"),
        )
        print("rested", time.monotonic() - begin > 0.6)
    policy = yonder.Retry(max_attempts=2, on=["walltime_exceeded"])
    with yonder.Executor("local", retry=policy, walltime=3) as executor:
        print("slow", outcome(executor.submit(slow, directory)), began("slow"))
    print("after", yonder.Client().run(deadly_at, 1, endpoint="local").result(60))


main()
