"""The functions that a worker has loaded."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Callable, Union

from yonder import capture
from yonder.errors import RestoreError

# A worker serves few functions at a time; the manager sends a body again when
# another function was in between.
KEPT = 32


class Functions:
    """Restored functions by content hash. The least recently used is forgotten."""

    def __init__(self, kept: int = KEPT) -> None:
        self.kept = kept
        # A body until its first use, then the function.
        self.known: OrderedDict[str, Union[bytes, Callable[..., Any]]] = OrderedDict()

    def load(self, name: str, body: bytes) -> None:
        """Take a body. Restoring it waits for a run, whose tasks can carry the error."""
        self.known.setdefault(name, body)
        self.known.move_to_end(name)
        while len(self.known) > self.kept:
            self.known.popitem(last=False)

    def get(self, name: str) -> Callable[..., Any]:
        """The function, restored at its first use."""
        found = self.known.get(name)
        if found is None:
            raise RestoreError(f"function {name} was run before it was loaded")
        if isinstance(found, bytes):
            found = self.known[name] = capture.restore(found)
        self.known.move_to_end(name)
        return found
