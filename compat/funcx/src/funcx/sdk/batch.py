"""Calls that are submitted together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

_IDS = frozenset({"function_id", "endpoint_id"})
_ARGUMENTS = frozenset({"args", "kwargs"})


@dataclass(frozen=True)
class Call:
    """One invocation of a registered function on an endpoint."""

    function_id: str
    endpoint_id: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Batch:
    """Collects calls; ``FuncXClient.batch_run`` submits them into the group ``task_group_id``."""

    __yonder_stays_here__ = True

    def __init__(self, task_group_id: Optional[str] = None, create_websocket_queue: bool = False):
        """``create_websocket_queue`` is accepted and means nothing: results always stream."""
        self.task_group_id = task_group_id
        self.create_websocket_queue = create_websocket_queue
        self.tasks: list[Call] = []

    def add(self, *args: Any, **kwargs: Any) -> None:
        """Add a call, in either of the forms that funcX has had.

        Until 0.4: ``add(1, 2, x=3, endpoint_id=e, function_id=f)``. From 1.0 on:
        ``add(f, e, args=(1, 2), kwargs={"x": 3})``, also with all of it by keyword. Raises
        TypeError when it fits neither.
        """
        others = kwargs.keys() - _IDS
        if kwargs.keys() >= _IDS and (args or others - _ARGUMENTS):
            function_id, endpoint_id = kwargs.pop("function_id"), kwargs.pop("endpoint_id")
            call = _call(function_id, endpoint_id, args, kwargs)
        else:
            call = _call(*args, **kwargs)
        self.tasks.append(call)


def _call(
    function_id: object,
    endpoint_id: object,
    args: Optional[Sequence[Any]] = None,
    kwargs: Optional[Mapping[str, Any]] = None,
) -> Call:
    if args is not None and not isinstance(args, (tuple, list)):
        raise TypeError(f"args is the tuple of a call's arguments, not {args!r}")
    if kwargs is not None and not isinstance(kwargs, Mapping):
        raise TypeError(f"kwargs is the mapping of a call's keyword arguments, not {kwargs!r}")
    return Call(str(function_id), str(endpoint_id), tuple(args or ()), dict(kwargs or {}))
