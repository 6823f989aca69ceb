"""What funcX's options of a function mean here."""

from __future__ import annotations

import warnings
from typing import Optional

from yonder import Sharing

CONTAINERS = (
    "Yonder has no containers per function: give the endpoint an interpreter that has what the "
    "function needs (`funcx-endpoint configure NAME --python PATH`), and leave out the container"
)


def refuse_container(container: object) -> None:
    """Raise if a container is asked for: running without it would not be what was meant."""
    if container is not None:
        raise NotImplementedError(CONTAINERS)


def sharing(public: bool, group: Optional[object], searchable: Optional[bool]) -> Optional[Sharing]:
    """Who may use a function that is registered as ``public`` or for a ``group``."""
    shared = bool(public or group)
    if shared and searchable is False:
        warnings.warn(
            "searchable=False has no effect: who may use a function finds it in listings",
            stacklevel=4,
        )
    if not shared:
        return None
    return Sharing(everyone=bool(public), identities=[str(group)] if group else [])
