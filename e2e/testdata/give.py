"""Asks for results of so many bytes, one after the other: give.py BYTES…"""

import sys

import yonder


def give(size: int) -> bytes:
    return b"x" * size


def main() -> None:
    with yonder.Executor("local", max_attempts=1) as executor:
        print("ready", flush=True)
        for line in sys.argv[1:]:
            future = executor.submit(give, int(line))
            future.accepted.result()
            print("accepted", line, flush=True)
            print("result", len(future.result()), flush=True)


main()
