"""Submits tasks that wait for a file, and prints what becomes of them: held.py DIR TASKS MAX_ATTEMPTS"""

import sys
from concurrent.futures import as_completed

import yonder


def held(directory: str, index: int) -> int:
    import os
    import pathlib
    import time

    base = pathlib.Path(directory)
    with (base / f"ran-{index}").open("a") as record:
        record.write(f"{os.getpid()}\n")
    while not (base / "go").exists():
        time.sleep(0.02)
    return index * index


def main() -> None:
    directory, tasks, attempts = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with yonder.Executor("local", max_attempts=attempts) as executor:
        futures = {executor.submit(held, directory, i): i for i in range(tasks)}
        for future in futures:
            future.accepted.result()
        print("accepted", flush=True)
        for future in as_completed(futures):
            error = future.exception()
            outcome = type(error).__name__ if error else future.result()
            print("result", futures[future], outcome, future.attempt, flush=True)
            if error:
                print("error", futures[future], error, flush=True)
    print("done", flush=True)


main()
