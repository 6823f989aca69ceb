"""The status of an endpoint, in funcX's words."""

from __future__ import annotations

from typing import Any

from yonder import Endpoint


def block(endpoint: Endpoint) -> dict[str, Any]:
    """What get_endpoint_status answers."""
    said = endpoint.status
    info: dict[str, Any] = {
        "pending_tasks": endpoint.queued,
        "outstanding_tasks": endpoint.outstanding,
    }
    if said is not None:
        info.update(
            managers=said.managers,
            active_managers=said.managers,
            total_blocks=said.blocks,
            total_workers=said.slots,
            idle_workers=max(0, said.slots - said.busy),
            trouble=said.trouble,
        )
    seen = endpoint.last_seen
    logs = [{"timestamp": seen.timestamp(), "info": info}] if seen is not None else []
    return {
        "status": "online" if endpoint.online else "offline",
        "details": info,
        "logs": logs,
    }
