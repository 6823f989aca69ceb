"""Values made from the service's JSON."""

from __future__ import annotations

from yonder.client.models import Retry


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
