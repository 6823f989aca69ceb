"""Calls of every sort, each of which notes that it began: lossy.py DIR

Every task has one attempt only: what ran twice, or not at all, is seen.
"""

import collections
import hashlib
import pathlib
import sys

import yonder

SHORT, CALLS, MEGABYTE = 40, 2000, 1_000_000


def ran(file: str, what: object) -> None:
    import os

    record = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(record, f"{what}\n".encode())
    os.close(record)


def short(file: str, number: int) -> int:
    ran(file, number)
    return number * number


def long(file: str, number: int) -> int:
    import time

    ran(file, number)
    time.sleep(5)
    return -number


def take(file: str, data: bytes) -> str:
    import hashlib

    ran(file, "take")
    return hashlib.sha256(data).hexdigest()


def give(file: str, size: int) -> bytes:
    ran(file, "give")
    return bytes(i % 251 for i in range(1000)) * (size // 1000)


def fail(file: str) -> None:
    ran(file, "fail")
    raise LookupError("as it should")


def main() -> None:
    file = sys.argv[1] + "/ran"
    data = give("/dev/null", MEGABYTE)
    with yonder.Executor("local", max_attempts=1) as executor:
        taken, given = executor.submit(take, file, data), executor.submit(give, file, MEGABYTE)
        slow = [executor.submit(long, file, i) for i in range(-2, 0)]
        quick = [executor.submit(short, file, i) for i in range(SHORT)]
        failed = executor.submit(fail, file)
        values = list(
            executor.map(short, [file] * CALLS, range(SHORT, SHORT + CALLS), chunksize=100)
        )
        assert values == [i * i for i in range(SHORT, SHORT + CALLS)]
        assert [f.result() for f in quick] == [i * i for i in range(SHORT)]
        assert [f.result() for f in slow] == [2, 1]
        assert isinstance(failed.exception(), LookupError), failed.exception()
        assert taken.result() == hashlib.sha256(data).hexdigest()
        assert given.result() == data
    began = collections.Counter(pathlib.Path(file).read_text().split())
    wanted = {*map(str, range(-2, SHORT + CALLS)), "take", "give", "fail"}
    assert began == {what: 1 for what in wanted}, {
        k: v for k, v in began.items() if v != 1
    } or wanted - set(began)
    print("done", flush=True)


main()
