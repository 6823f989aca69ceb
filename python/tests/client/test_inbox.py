"""Where a group's stream is read from."""

from __future__ import annotations

from typing import Any

import pytest

from yonder.client.crew import Crew
from yonder.client.inbox import Inbox
from yonder.client.sinks import Sink


@pytest.fixture
def inbox() -> Inbox:
    def fetch(blob: dict[str, Any]) -> bytes:
        raise AssertionError("nothing is to be fetched")

    return Inbox(fetch, Crew("test"))


class Waiting(Sink):
    """Waits for ever."""

    def fill(self, lo: int, outcomes: Any, entry: Any) -> bool:
        return False

    def fail(self, error: BaseException) -> None:
        raise error


def test_joining_skips_what_nobody_waits_for(inbox: Inbox) -> None:
    inbox.join("group", 5)
    assert inbox.begin("group") == (True, 5)


def test_joining_skips_nothing_that_somebody_waits_for(inbox: Inbox) -> None:
    """A second executor of a group must not lose the results of the first."""
    inbox.expect("group", "bundle", Waiting())
    inbox.join("group", 5)
    assert inbox.begin("group") == (True, 0)
