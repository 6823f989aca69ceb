"""Several calls as one task, for those who bring their own batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable

__all__ = ["call_all"]


def call_all(
    calls: Sequence[tuple[Callable[..., Any], Sequence[Any], Mapping[str, Any]]],
) -> list[Any]:
    """The values of calls, one after the other."""
    return [fn(*args, **kwargs) for fn, args, kwargs in calls]
