"""Values made from the service's JSON."""

from __future__ import annotations

from typing import Any

import pytest

from yonder.client.models import Explanation, Retry, Step
from yonder.errors import InvalidRequest


def test_a_retry_policy_there_and_back() -> None:
    policy = Retry(3, ["task_lost"], 1.5, max_backoff=60)  # type: ignore[arg-type]
    assert policy.to_json() == {
        "max_attempts": 3,
        "on": ["task_lost"],
        "backoff_s": 1.5,
        "backoff_max_s": 60,
    }
    assert Retry.from_json(policy.to_json()) == policy
    assert hash(policy) == hash(Retry(3, ("task_lost",), 1.5, max_backoff=60))
    assert Retry().to_json() == {}


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("max_attempts", 0, "max_attempts=0 is too small: at least 1"),
        ("max_attempts", "3", "max_attempts='3' is not a number"),
        ("on", "task_lost", "on='task_lost': pass a list of causes"),
        ("backoff", -1, "backoff=-1 is too small: at least 0"),
        ("factor", 0.5, "factor=0.5 is too small: at least 1"),
        ("factor", float("inf"), "factor=inf is not finite"),
        ("backoff", float("nan"), "backoff=nan"),
        ("max_backoff", 0, "max_backoff=0: give a positive number of seconds"),
    ],
)
def test_a_retry_policy_that_makes_no_sense(option: str, value: Any, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says) as caught:
        Retry(**{option: value})
    assert caught.value.field == option


def test_a_function_that_leaves_its_retries_to_the_service() -> None:
    assert Retry.from_json({}) == Retry()
    assert Retry.from_json({"max_attempts": 2}).max_attempts == 2


def test_an_explanation_is_to_be_read() -> None:
    found = Explanation(summary="it waits", next="wait", steps=[Step("queue", "now", text="next")])
    assert repr(found) == str(found) == "it waits\nnext: wait\n  now     queue     next"
