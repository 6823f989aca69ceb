"""Cancels, pauses and explanations: what is asked of the service, and what its answers become."""

from __future__ import annotations

from typing import Any, Optional

from yonder.client import ids
from yonder.client.models import Cancelled, Endpoint
from yonder.client.rest import Rest

TASK, PLACE, MORE = ids.new_id(), ids.new_id(), ids.new_id()


class Answers:
    """A transport that answers in turn and notes what it was asked."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Any]] = []

    def json(self, method: str, path: str, body: Optional[dict[str, Any]] = None) -> Any:
        self.asked.append((method, path, dict(body) if body else None))
        return self.answers.pop(0)


def asking(*answers: dict[str, Any]) -> tuple[Rest, Answers]:
    rest, transport = Rest(), Answers(*answers)
    rest.transport = transport  # type: ignore[assignment]  # stands in for it
    return rest, transport


def test_a_cancel_of_very_many_tasks_goes_on_until_there_is_no_more() -> None:
    rest, transport = asking(
        {"cancelled": 500, "stopping": 2, "next": MORE}, {"cancelled": 7, "done": 3}
    )
    assert rest.cancel_all(reason="enough") == Cancelled(507, 2, 3)
    assert transport.asked == [
        ("POST", "/v1/tasks/cancel", {"reason": "enough"}),
        ("POST", "/v1/tasks/cancel", {"reason": "enough", "after": MORE}),
    ]


def test_what_can_be_cancelled() -> None:
    rest, transport = asking(*[{"cancelled": 1}] * 5)
    rest.cancel(TASK)
    rest.cancel_bundle(TASK, "a reason")
    rest.cancel_group(TASK)
    rest.cancel_all(endpoint=PLACE)
    rest.cancel_all(endpoint=Endpoint(id=PLACE, name="lab"))
    assert transport.asked == [
        ("POST", f"/v1/tasks/{TASK}/cancel", None),
        ("POST", f"/v1/bundles/{TASK}/cancel", {"reason": "a reason"}),
        ("POST", f"/v1/groups/{TASK}/cancel", None),
        ("POST", f"/v1/endpoints/{PLACE}/cancel", None),
        ("POST", f"/v1/endpoints/{PLACE}/cancel", None),
    ]


def test_an_endpoint_is_named_by_its_name() -> None:
    listing = {"items": [{"id": PLACE, "name": "lab", "owner": "me"}]}
    paused = {"id": PLACE, "paused": {"drain": True, "since": "2026-01-02T03:04:05Z"}}
    rest, transport = asking(listing, {"identity": {"id": "me"}}, paused)
    endpoint = rest.drain_endpoint("lab", "a new disk", exit=True)
    assert endpoint.paused is not None
    assert endpoint.paused.drain
    assert transport.asked[-1] == (
        "POST",
        f"/v1/endpoints/{PLACE}/drain",
        {"reason": "a new disk", "exit": True},
    )


def test_an_explanation() -> None:
    step = {
        "step": "endpoint",
        "state": "waiting",
        "text": "offline",
        "since": "2026-01-02T03:04:05Z",
    }
    rest, _ = asking({"summary": "it waits", "next": "start it", "steps": [step], "new": 1})
    explanation = rest.explain(TASK)
    assert explanation.summary == "it waits"
    assert explanation.steps[0].since is not None
    assert str(explanation).splitlines() == [
        "it waits",
        "next: start it",
        "  waiting endpoint  offline",
    ]
