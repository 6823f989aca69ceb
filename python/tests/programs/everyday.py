"""Functions as people write them, in a script. Python 3.9 syntax."""

import asyncio
import collections
import contextlib
import datetime
import decimal
import functools
import math
import os.path
import pathlib
import random
import re
import xml.etree.ElementTree
from functools import lru_cache, partial, wraps
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


# -- lambdas ----------------------------------------------------------------
two = [lambda x: x + 1, lambda x: x + 2]
add("lambda_first_of_line", two[0], 1)
add("lambda_second_of_line", two[1], 1)
add("lambda_nested", (lambda f: lambda x: f(x) + 1)(lambda y: y * 2), 5)
add(
    "lambda_of_lines",
    lambda x: (
        x  # with a comment
        + LIMIT
    ),
    1,
)
add("lambda_with_default", lambda x, y=[1, 2]: [x, *y], 0)
many = [lambda i=i: i * 10 for i in range(3)]
add("lambda_in_comprehension", many[2])
late = [lambda: i for i in range(3)]
add("lambda_late_binding", late[0])
add("lambda_in_call", max, 1, 2)
add("lambda_conditional", (lambda x: "big" if x > LIMIT else "small"), 11)
table = {"f": lambda x: x - 1, "g": lambda x: x - 2}
add("lambda_in_dict", table["g"], 5)


# -- closures ---------------------------------------------------------------
def make_adder(n, scale=2):
    def adder(x):
        return x * scale + n

    return adder


add("closure", make_adder(3), 4)


def make_counter():
    count = 10

    def up():
        nonlocal count
        count += 1
        return count

    def both(times):
        before = count
        for _ in range(times):
            up()
        return count - before

    return both


@case(3)
def shared_cells(times):
    return make_counter()(times)


add("closure_shares_cell", make_counter(), 3)


def make_recursive():
    def fact(n):
        return 1 if n < 2 else n * fact(n - 1)

    return fact


add("closure_of_itself", make_recursive(), 6)


def compose(*fns):
    return lambda x: functools.reduce(lambda acc, fn: fn(acc), fns, x)


add("closure_of_functions", compose(square, plain, make_adder(1)), 3)


def unassigned():
    def inner(x):
        return x if x > 0 else later

    result = inner
    if LIMIT < 0:
        later = 1
    return result


add("closure_empty_cell", unassigned(), 2)


# -- decorators -------------------------------------------------------------
def add_one(fn):
    @wraps(fn)
    def wrapper(*args, **kwargs):
        wrapper.calls += 1
        return fn(*args, **kwargs) + 1

    wrapper.calls = 0
    return wrapper


def repeat(times):
    def decorate(fn):
        def wrapper(*args):
            return [fn(*args) for _ in range(times)]

        return wrapper

    return decorate


@add_one
def wrapped(x):
    """Wrapped."""
    return x * LIMIT


add("decorated", wrapped, 2)


@repeat(2)
@add_one
def twice_wrapped(x):
    return x


add("decorated_twice", twice_wrapped, 5)


@case()
def looks_of_wrapped():
    return wrapped.__name__, wrapped.__doc__, wrapped.__wrapped__(1), wrapped.__qualname__


@lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


add("lru_cache", fib, 50)


@case(30)
def uses_lru_cache(n):
    return fib(n), fib.cache_parameters()["maxsize"]


@functools.singledispatch
def describe(x):
    return "thing"


@describe.register(int)
def _(x):
    return "int"


@describe.register(list)
def _(x):
    return "list of " + ", ".join(describe(item) for item in x)


add("single_dispatch", describe, [1, "a"])


@contextlib.contextmanager
def managed(x=LIMIT):
    yield x
    SHARED.clear()


@case()
def library_decorator():
    with managed() as value:
        return value


class Memo:
    def __init__(self, fn):
        self.fn = fn
        self.seen = {}

    def __call__(self, x):
        if x not in self.seen:
            self.seen[x] = self.fn(x)
        return self.seen[x]


@Memo
def memoised(x):
    return x + LIMIT


add("class_decorator", memoised, 3)


@case(4)
def uses_class_decorator(x):
    return memoised(x) + memoised(x)


# -- others ---------------------------------------------------------------
add("partial", partial(variadic, 1, k=2), 3)
add("partial_of_own", partial(uses_function), 3)


def with_attribute(x):
    with_attribute.calls += 1
    result, with_attribute.calls = with_attribute.calls + x, 7
    return result


with_attribute.calls = 7
add("function_attribute", with_attribute, 1)


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


# -- functions as arguments -------------------------------------------------
@case(lambda x: x + LIMIT, 3)
def apply(fn, x):
    return fn(x)


add("apply_closure", apply, make_adder(2), 3)
add("apply_function", apply, uses_function, 3)
add("apply_partial", apply, partial(make_adder(1)), 3)
add("apply_decorated", apply, wrapped, 3)
add("apply_lru_cache", apply, fib, 10)
add("apply_project_function", apply, visible, 2)
add("apply_library_method", apply, random.Random(3).randint.__self__.choice, [5])


@case(plain)
def function_argument(fn):
    return fn is plain


# -- async ------------------------------------------------------------------
async def fetch(x):
    await asyncio.sleep(0)
    return x + LIMIT


async def gather(n):
    return await asyncio.gather(*[fetch(i) for i in range(n)])


add("coroutine", fetch, 1)
add("coroutine_gather", gather, 3)

if __name__ == "__main__":
    main()
