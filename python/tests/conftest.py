"""What tests of several folders share."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from site_up import Gate, Site, build, site_up
from yonder.client.client import Client
from yonder.client.config import read_login
from yonder.client.executor import Executor


@pytest.fixture(scope="session")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("bin"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, binary: Path) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o700)
    with site_up(home, binary) as found:
        yield found


@pytest.fixture
def remote(site: Site) -> Iterator[Client]:
    """A client of the site."""
    login = read_login(site.home / "login.json")
    assert login is not None
    with Client(login.url, login.token, ca_file=login.ca_file) as client:
        yield client


@pytest.fixture
def executor(remote: Client) -> Iterator[Executor]:
    one = Executor("local", remote)
    yield one
    for future in one._unfinished.all():  # a test that failed leaves them behind
        future.cancel()
    one.shutdown()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Callable[[], Gate]]:
    """Makes gates; those that are still shut at the end hold up nobody."""
    made: list[Gate] = []
    numbers = itertools.count()

    def make() -> Gate:
        made.append(Gate(tmp_path / f"gate{next(numbers)}"))
        return made[-1]

    yield make
    for one in made:
        if one._end >= 0:
            os.close(one._end)
