"""Which endpoint is meant."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Optional

from yonder.client.models import Endpoint
from yonder.errors import InvalidRequest, NotFound


def by_name(name: str, endpoints: Sequence[Endpoint], me: str) -> Endpoint:
    """The endpoint with the name: your own, else the only one there is."""
    named = [endpoint for endpoint in endpoints if endpoint.name == name]
    chosen = [endpoint for endpoint in named if endpoint.owner == me] or named
    if not chosen:
        near = difflib.get_close_matches(name, [endpoint.name for endpoint in endpoints], 1)
        asks = f"did you mean {near[0]!r}? " if near else ""
        raise NotFound(
            f"there is no endpoint {name!r}; {asks}{_choices(endpoints)}", field="endpoint"
        )
    if len(chosen) > 1:
        raise InvalidRequest(
            f"{len(chosen)} endpoints are called {name!r}: name one by its id; {_choices(chosen)}",
            field="endpoint",
        )
    return chosen[0]


def only_one(endpoints: Sequence[Endpoint], me: str) -> Endpoint:
    """The one online endpoint that you own."""
    own = [endpoint for endpoint in endpoints if endpoint.owner == me and endpoint.online]
    if len(own) == 1:
        return own[0]
    if own:
        raise InvalidRequest(
            f"you have {len(own)} endpoints online: say which one with endpoint=; {_choices(own)}",
            field="endpoint",
        )
    raise NotFound(
        "you have no endpoint online: start one with `yonder endpoint start`, or name another one "
        f"with endpoint=; {_choices(endpoints)}",
        field="endpoint",
    )


def offline(endpoint: Endpoint) -> str:
    """What it means that an endpoint is offline, and what to do."""
    since = "it was never online"
    if endpoint.last_seen is not None:
        seen = endpoint.last_seen.astimezone()
        since = f"it was last seen at {seen:%Y-%m-%d %H:%M:%S}"
    return (
        f"endpoint {endpoint.name} is offline, {since}: tasks wait until its agent is back, which "
        f"`yonder endpoint start {endpoint.name}` starts on its machine"
    )


def _choices(endpoints: Sequence[Endpoint], most: int = 10) -> str:
    if not endpoints:
        return "you may use no other"
    # Those that can be used now first.
    known = sorted(endpoints, key=lambda e: (not e.online, e.name))
    lines = [_line(endpoint) for endpoint in known[:most]]
    more = f", and {len(known) - most} more" if len(known) > most else ""
    return "there are: " + ", ".join(lines) + more


def _line(endpoint: Endpoint) -> str:
    state = "online" if endpoint.online else "offline"
    owner: Optional[str] = endpoint.owner_name or endpoint.owner
    return f"{endpoint.name} of {owner} ({state}, {endpoint.id})"
