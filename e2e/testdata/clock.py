"""Calls on a worker whose clock was set, and from a client whose clock was: prints the time at the worker."""

import time
from concurrent import futures

import yonder


def now() -> float:
    import time

    return time.time()


def square(number: int) -> str:
    return str(number * number)


def produce(values: int):
    yield from range(values)


def overrun() -> None:
    """Longer than a minute, without asking a clock or waiting by one."""
    import os

    os.read(os.pipe()[0], 1)


def main() -> None:
    begun = time.monotonic()
    with yonder.Executor("local", max_attempts=1) as executor:
        print("worker", executor.submit(now).result(timeout=30), flush=True)
        assert list(executor.map(square, range(500), chunksize=50)) == [
            str(i * i) for i in range(500)
        ]
        assert list(executor.submit(produce, 5).stream()) == [0, 1, 2, 3, 4]
        late = executor.submit(overrun)
        try:
            late.result(timeout=0.5)
            raise AssertionError("it cannot be there yet")
        except futures.TimeoutError:
            late.cancel()
    with yonder.Executor("local", max_attempts=1, walltime=1) as executor:
        error = executor.submit(overrun).exception(timeout=30)
        assert type(error).__name__ == "WalltimeExceeded", error
    assert time.monotonic() - begun < 40, time.monotonic() - begun
    print("done", flush=True)


main()
