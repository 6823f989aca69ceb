"""Registers a function and prints its id."""

import yonder


def double(x: int) -> int:
    return 2 * x


print("function", yonder.Client().register_function(double).id, flush=True)
