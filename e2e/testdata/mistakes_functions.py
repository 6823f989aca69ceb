"""Functions for the mistakes that are made on the command line."""


def add(a, b=1):
    return a + b


def needs_a_package():
    import nosuchpackage

    return nosuchpackage


def uses_what_is_not_there():
    return nowhere_defined  # noqa: F821


def returns_a_lock():
    import threading

    return threading.Lock()
