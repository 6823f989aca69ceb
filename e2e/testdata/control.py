"""Submits calls that stay until they are stopped: control.py DIR ENDPOINT NAME…

Prints "task NAME ID" for each, and in the end "result NAME OUTCOME MESSAGE".
"""

import sys
from concurrent.futures import as_completed

import yonder


def announce(path: str, *pids: int) -> None:
    import os

    with open(path + ".new", "w") as file:
        file.write(" ".join(map(str, pids)))
    os.rename(path + ".new", path)


def polite(path: str) -> None:
    import os
    import time

    announce(path, os.getpid())
    time.sleep(600)


def stubborn(path: str) -> None:
    import os
    import signal
    import time

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    announce(path, os.getpid())
    time.sleep(600)


def family(path: str) -> None:
    import os
    import subprocess
    import time

    deaf = "trap '' TERM; echo ready; while :; do sleep 1; done"
    children = [
        subprocess.Popen(["sh", "-c", deaf], stdout=subprocess.PIPE, start_new_session=apart)
        for apart in (False, True)
    ]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()
    announce(path, os.getpid(), *(child.pid for child in children))
    time.sleep(600)


def some_stay(path: str) -> str:
    """One call of a map."""
    if path:
        polite(path)
    return "done"


def quick(path: str) -> str:
    return "done"


def chunk(directory: str, endpoint: str) -> None:
    with yonder.Executor(endpoint, max_attempts=1) as executor:
        values = executor.map(some_stay, ["", "", f"{directory}/chunk", ""], chunksize=4)
        executor.flush()
        print("group", executor.group, flush=True)
        try:
            print(list(values))
        except Exception as error:
            print("raised", type(error).__name__, error, flush=True)


def main() -> None:
    directory, endpoint, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    if names == ["chunk"]:
        chunk(directory, endpoint)
        return
    with yonder.Executor(endpoint, max_attempts=1) as executor:
        futures = {executor.submit(globals()[name], f"{directory}/{name}"): name for name in names}
        for future, name in futures.items():
            future.accepted.result()
            print("task", name, future.task_id, flush=True)
        for future in as_completed(futures):
            error = future.exception()
            outcome = type(error).__name__ if error else future.result()
            print("result", futures[future], outcome, error, flush=True)
    print("done", flush=True)


main()
