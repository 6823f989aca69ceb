"""A fake service for each test, a client for it, and a worker if the test wants one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from yonder.client.client import Client

from .fake_service import FakeService, serving
from .fake_worker import FakeWorker


@pytest.fixture
def service() -> Iterator[FakeService]:
    with serving() as one:
        yield one


@pytest.fixture
def client(service: FakeService) -> Iterator[Client]:
    one = Client(service.url, service.state.token, patience=10.0)
    yield one
    one.close(timeout=0.0)


@pytest.fixture
def worker(service: FakeService) -> FakeWorker:
    return FakeWorker(service.state)
