"""Functions that are made, wrapped, held or taken by others, in a script. Python 3.9 syntax."""

import asyncio
import contextlib
import functools
import random
from functools import lru_cache, partial, wraps

from harness import add, case, main
from helpers import visible

LIMIT = 10
SHARED = []
square = lambda x: x * x


def plain(x):
    return x + 1


def uses_function(x):
    return plain(x) + square(x)


def variadic(*args, **kwargs):
    return args, kwargs


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


# -- partials and attributes ------------------------------------------------
add("partial", partial(variadic, 1, k=2), 3)
add("partial_of_own", partial(uses_function), 3)


def with_attribute(x):
    with_attribute.calls += 1
    result, with_attribute.calls = with_attribute.calls + x, 7
    return result


with_attribute.calls = 7
add("function_attribute", with_attribute, 1)


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
