"""The functions that every system runs."""


def noop(number: int) -> int:
    return number


def echo(data: bytes) -> bytes:
    return data


def nap(seconds: float) -> float:
    import time

    time.sleep(seconds)
    return seconds
