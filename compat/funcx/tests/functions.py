"""Functions that the tests send away."""

from __future__ import annotations

import time
from pathlib import Path


def hello_world() -> str:
    return "Hello World!"


def add(a: float, b: float = 0, *, scale: float = 1) -> float:
    return (a + b) * scale


def divide(a: float, b: float) -> float:
    return a / b


def wait_for(path: str) -> str:
    """Returns what is in the file, once it is there."""
    while not Path(path).exists():
        time.sleep(0.01)  # workload
    return Path(path).read_text()
