"""Ordinary mistakes, one for each argument: what Python then shows is looked at."""

import sys
import threading

import yonder

later = None


def one(a):
    return a


def needs_a_package():
    import nosuchpackage

    return nosuchpackage


def uses_what_is_not_there():
    return nowhere_defined  # noqa: F821


def returns_a_lock():
    import threading

    return threading.Lock()


def run(function, *args, endpoint="local", **kwargs):
    with yonder.Executor(endpoint) as executor:
        return executor.submit(function, *args, **kwargs).result(timeout=60)


MISTAKES = {
    "argument": lambda: run(one, threading.Lock()),
    "result": lambda: run(returns_a_lock),
    "package": lambda: run(needs_a_package),
    "global": lambda: run(uses_what_is_not_there),
    "missing": lambda: run(one),
    "keyword": lambda: run(one, 1, zz=2),
    "misspelt": lambda: run(one, 1, endpoint="lcal"),
    "large": lambda: run(one, b"x" * 300_000),
    "login": lambda: run(one, 1),
}

MISTAKES[sys.argv[1]]()
