"""Functions that cannot travel, or not everywhere. Imported by the tests as a project's module."""

import contextlib
import sys
import threading
import types
from dataclasses import dataclass

LOCK = threading.Lock()
HANDLES = {"log": [sys.stderr]}
BIG = bytes(9 << 20)
ANONYMOUS = type("Anonymous", (), {})


def uses_lock():
    with LOCK:
        return 1


def calls_one_that_uses_lock():
    return uses_lock()


def uses_open_file():
    return HANDLES["log"]


def uses_big_value():
    return len(BIG)


def uses_file():
    return __file__


def uses_class_without_statement():
    return ANONYMOUS()


def takes_generator_default(x=(i for i in range(3))):
    return x


def around(size):
    class Local:
        def get(self):
            return size

    return lambda: Local


local_class = around(3)()


def uses_local_class():
    return local_class().get()


def inner_manager():
    @contextlib.contextmanager
    def manager():
        yield 1

    return manager


nested_manager = inner_manager()


def uses_nested_manager():
    with nested_manager() as value:
        return value


made = types.ModuleType("made_at_run_time")
made.value = 3


def uses_made_module():
    return made.value


class Client:
    __yonder_stays_here__ = True


client = Client()


def uses_client():
    return client


@dataclass
class Point:
    x: int = 0


def point(p):
    return Point(p.x + 1)


class Trouble(Exception):
    def __init__(self, code, hint):
        super().__init__(f"{code}: {hint}")
        self.code = code


def fails(depth=2):
    if depth:
        return fails(depth - 1)
    try:
        raise KeyError("inner")
    except KeyError as error:
        raise Trouble(7, "hint") from error
