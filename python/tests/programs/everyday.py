"""Functions as people write them, in a script. Python 3.9 syntax."""

import collections
import contextlib
import datetime
import decimal
import math
import os.path
import pathlib
import random
import re
import xml.etree.ElementTree
from math import sqrt
from random import random as rnd
from typing import TYPE_CHECKING, List, Optional

import helpers
import lab.deep.model
from harness import add, case, main
from helpers import Reading, decorated, visible
from lab.units import KILO as thousand
from stars import *

if TYPE_CHECKING:
    from nowhere import Nothing

LIMIT = 10
TABLE = {"a": [1, 2], ("t", 1): {3, 4}, "nested": {"x": None}}
SHARED = []
ALSO_SHARED = SHARED
PATTERN = re.compile(r"(\d+)-(\d+)")
BIRTHDAY = datetime.date(2020, 2, 29)
INF = float("inf")
square = lambda x: x * x
total = sum


# -- plain ------------------------------------------------------------------
@case(3)
def plain(x):
    """Doc."""
    return x + 1


@case(4)
def uses_constants(x):
    return x + LIMIT, TABLE["nested"], TABLE[("t", 1)], INF, BIRTHDAY.year


@case(5)
def uses_function(x):
    return plain(x) + square(x) + total([1, 2])


@case(9)
def uses_imports(x):
    import json
    from collections import Counter as Count

    return json.dumps([math.floor(sqrt(x))]), Count("aab")["a"], os.path.join("a", "b")


@case("12-34")
def uses_pattern(text):
    return PATTERN.match(text).groups()


@case()
def uses_submodule():
    return xml.etree.ElementTree.fromstring("<a b='1'/>").attrib


@case()
def uses_library_instance_method():
    random.seed(7)
    first = rnd()
    random.seed(7)
    return first == random.random()


@case(20)
def recursive(n):
    return 1 if n < 2 else n * recursive(n - 1)


@case(9)
def is_even(n):
    return n == 0 or is_odd(n - 1)


def is_odd(n):
    return n != 0 and is_even(n - 1)


@case(2)
def annotated(x: "Nothing", y: Optional[int] = 3, *args: List[int], z: float = 1.5) -> "Unknown":
    return x, y, args, z, annotated.__kwdefaults__, annotated.__defaults__


@case()
def same_object_twice():
    SHARED.append(1)
    result = ALSO_SHARED[-1] == 1 and SHARED is ALSO_SHARED
    SHARED.clear()
    return result


COUNTER = 41


@case()
def counts():
    global COUNTER
    COUNTER += 1
    value, COUNTER = COUNTER, 41
    return value


@case(3)
def walrus(n):
    return [y for x in range(n) if (y := x + LIMIT) > 10]


@case(2)
def comprehensions(n):
    table = {k: [LIMIT * j for j in range(k)] for k in range(n)}
    return table, {j for j in range(n)}, sum(x for x in range(LIMIT))


@case(1)
def try_and_with(x):
    with contextlib.suppress(ZeroDivisionError):
        x / 0
    try:
        raise KeyError("k")
    except KeyError as error:
        return error.args


@case()
def strings():
    text = """first
second
    third"""
    return text, f"{LIMIT:>5}|{LIMIT!r}", b"\x00\xff", "ünïcode \N{SNOWMAN}"


@case(1, 2)
def positional_only(a, b, /, c=3, *, d=4):
    return a, b, c, d


add("positional_only_given", positional_only, 1, 2, 5, d=6)


@case(1, 2, 3, x=4)
def variadic(*args, **kwargs):
    return args, kwargs


@case()
def nested_functions():
    def outer(n):
        total = 0

        def inner(k):
            nonlocal total
            total += k * LIMIT
            return total

        return [inner(i) for i in range(n)]

    class Local:
        size = LIMIT

        def get(self):
            return self.size

    return outer(3), Local().get()


@case(3)
def star_import(x):
    return starred(x) + STAR


# -- defaults ---------------------------------------------------------------
START = 5


@case()
def mutable_default(x=1, seen=[LIMIT], start=START, *, fn=square):
    seen.append(x)
    result = list(seen), start, fn(3)
    seen.pop()
    return result


START = 6  # what the default was is what counts


@case()
def default_of_own_class(where=helpers.Reading(2.0)):
    return where.scaled().value


# -- conditions -------------------------------------------------------------
if LIMIT > 5:

    def chosen():
        return """kept
  as it is"""

    class Chosen:
        word = """also
  kept"""

else:

    def chosen():
        return "other"

    class Chosen:
        word = "other"


@case()
def conditional():
    return chosen(), Chosen.word


# -- modules of the project -------------------------------------------------
@case(3)
def project_module(x):
    return helpers.visible(x), helpers.FACTOR, helpers.decorated(x)


@case(3)
def project_function(x):
    return visible(x) + thousand, decorated(x)


@case(Reading(1.5))
def project_class(reading):
    assert isinstance(reading, Reading)
    return reading.scaled(), helpers.Reading(1.0) == Reading(1.0), type(reading) is helpers.Reading


@case(2)
def project_package(x):
    return lab.deep.model.run(x), lab.KILO


@case(2)
def project_import_inside(x):
    from lab.deep import model
    import helpers as h

    return model.run(x) + h.times(x)


add("project_root", helpers.visible, 4)
add("project_root_decorated", helpers.decorated, 4)


@case([1])
def passes_through(value):
    return value


# -- installed --------------------------------------------------------------
add("builtin", len, [1, 2, 3])
add("library_function", math.hypot, 3, 4)
add("library_python_function", os.path.basename, "/a/b")
add("library_class", decimal.Decimal, "1.5")
add("library_bound_method", "a,b".split, ",")
add("library_types", passes_through, [collections.OrderedDict(a=1), decimal.Decimal("2.5")])
add("path_argument", passes_through, pathlib.PurePosixPath("/a/b"))
add("real_path_argument", passes_through, pathlib.Path("a"))
add("date_argument", passes_through, [datetime.datetime(2020, 1, 1), datetime.timedelta(1)])


if __name__ == "__main__":
    main()
