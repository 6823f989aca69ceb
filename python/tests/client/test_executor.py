"""Executor.submit and what its futures offer."""

from __future__ import annotations

import pytest
from yonder.client.client import Client
from yonder.client.executor import Executor


def double(x: int) -> int:
    return 2 * x


def test_submit(client: Client, worker: object) -> None:
    with Executor(client=client) as executor:
        future = executor.submit(double, 21)
        assert future.result(10) == 42
