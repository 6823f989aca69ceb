"""Options: what to say about those that there are not, and numbers that make no sense."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any, Optional, TypeVar, cast

from yonder.errors import InvalidRequest

F = TypeVar("F", bound=Callable[..., Any])

_SHARED = (
    "workers are shared by all your calls: keep what is costly in a cache of the function's module"
)
_ENDPOINT = "the endpoint says how it runs tasks: see its endpoint.yaml"
# What other executors take, and what there is in its place.
_INSTEAD = {
    "max_workers": "its endpoint's slots are the limit: `yonder endpoint configure --slots`",
    "initializer": _SHARED,
    "initargs": _SHARED,
    "mp_context": _ENDPOINT,
    "thread_name_prefix": "name the task group with label=",
    "max_tasks_per_child": _ENDPOINT,
    "name": "name the task group with label=",
    "timeout": "walltime= bounds how long a task runs, give_up_after= how long until its result",
    "retries": "max_attempts= says how often a lost task is tried, retry= after which causes",
}


def names_of(method: Callable[..., Any]) -> frozenset[str]:
    """The names of a method's parameters, whatever it is wrapped in."""
    while hasattr(method, "__wrapped__"):
        method = method.__wrapped__
    code = cast("FunctionType", method).__code__
    return frozenset(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])


def check(what: str, known: Iterable[str], given: Iterable[str]) -> None:
    """Raise TypeError for a name that is not known; it says what may have been meant."""
    names = frozenset(known)
    for name in given:
        if name not in names:
            raise TypeError(f"{what} has no option {name!r}: {_advice(name, names)}")


def _advice(name: str, known: frozenset[str]) -> str:
    if name in _INSTEAD:
        return _INSTEAD[name]
    import difflib  # for mistakes only

    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"


def named(what: str) -> Callable[[F], F]:
    """Make a method check the names of its options: Python's own message says no more."""

    def decorate(method: F) -> F:
        known = names_of(method)

        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            if not known.issuperset(kwargs):
                check(what, known, kwargs)
            return method(*args, **kwargs)

        return cast("F", call)

    return decorate


def number(
    name: str, value: Any, *, least: Optional[int] = None, unit: str = "", whole: bool = False
) -> None:
    """Raise InvalidRequest for a value that is no such number; None leaves it open."""
    kinds = (int,) if whole else (int, float)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise InvalidRequest(f"{name}={value!r} is not a number{unit}", field=name)
    if least is not None and value < least:
        raise InvalidRequest(f"{name}={value!r} is too small: at least {least}", field=name)
    if unit and not 0 < value < float("inf"):
        raise InvalidRequest(f"{name}={value!r}: give a positive number{unit}", field=name)
    if not math.isfinite(value):
        raise InvalidRequest(f"{name}={value!r} is not finite", field=name)
