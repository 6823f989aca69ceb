"""What an owner does with functions and endpoints, over a real service."""

from __future__ import annotations

from yonder.client.executor import Executor
from yonder.client.models import Sharing


def double(number: int) -> int:
    return 2 * number


def test_a_paused_endpoint_goes_on_when_it_is_resumed(executor: Executor) -> None:
    client, name = executor.client, executor.endpoint.name
    paused = client.pause_endpoint(name, "a new disk").paused
    try:
        assert paused is not None
        assert (paused.drain, paused.reason) == (False, "a new disk")
        waits = executor.submit(double, 4)
        assert waits.accepted.wait(20)
        assert "a new disk" in str(client.explain(waits.task_id))
        assert "a new disk" in str(client.explain_endpoint(name))
    finally:
        assert client.resume_endpoint(name).paused is None
    assert waits.result(60) == 8


def test_sharing_a_function(executor: Executor) -> None:
    client = executor.client
    function = client.register_function(double)
    assert not function.sharing.everyone
    shared = client.share_function(function.id, Sharing(everyone=True))
    assert shared.sharing.everyone
    assert client.function(function.id).sharing.everyone
