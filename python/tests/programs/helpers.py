"""A module beside the script, as people have them."""

from collections import namedtuple
from dataclasses import dataclass
from functools import wraps

FACTOR = 7
Pair = namedtuple("Pair", "left right", defaults=(0,))


@dataclass
class Reading:
    value: float
    unit: str = "m"

    def scaled(self, by=FACTOR):
        return Reading(self.value * by, self.unit)


def times(x):
    return x * FACTOR


def _hidden(x):
    return x - 1


def visible(x):
    return _hidden(times(x))


def doubled(fn):
    @wraps(fn)
    def wrapper(*args, **kwargs):
        return fn(*args, **kwargs) * 2

    return wrapper


@doubled
def decorated(x):
    return times(x) + 1
