"""Maps: how many calls go into one bundle, and values in the order of the arguments."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any, Optional, Union

from yonder.client.future import Future
from yonder.client.sinks import Chunk

# Chunks for each slot: enough that slots with quick calls take more of them.
PER_SLOT = 4
# Slots to reckon with when the endpoint does not say.
SLOTS = 8

Part = Union[Future[Any], Chunk]


def size_for(calls: int, slots: int, most: int) -> int:
    """Calls in a chunk, so that every slot gets several chunks."""
    return max(1, min(math.ceil(calls / ((slots or SLOTS) * PER_SLOT)), most))


def results(parts: list[Part], end: Optional[float]) -> Iterator[Any]:
    """The values of all parts in order; takes the list over.

    Raises what a call raised when its turn comes, or a timeout at ``end`` of the
    monotonic clock. Parts that will not be asked for are cancelled.
    """
    parts.reverse()
    try:
        while parts:
            part = parts.pop()
            if isinstance(part, Chunk):
                yield from _elements(part, end)
            else:
                yield _result(part, end)
    finally:
        for part in parts:
            part.cancel()


def _elements(chunk: Chunk, end: Optional[float]) -> Iterator[Any]:
    try:
        for index in range(chunk.tasks):
            yield chunk.element(index, end)
    finally:
        chunk.cancel()


def _result(future: Future[Any], end: Optional[float]) -> Any:
    try:
        return future.result(None if end is None else max(0.0, end - time.monotonic()))
    finally:
        future.cancel()
        del future  # its exception's traceback refers to this frame
