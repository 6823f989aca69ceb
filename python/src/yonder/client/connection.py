"""A WebSocket whose messages are dealt with by the thread that reads them.

The library's connection has a thread that reads the socket, and hands messages to the one
that asks for them: another thread to wake for every page of results, which somebody waits for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Optional

from websockets.frames import Frame, Opcode
from websockets.protocol import Event
from websockets.sync.client import ClientConnection

from yonder.wire import Buffer


class Connection(ClientConnection):
    """Calls ``take`` with each binary message, one after the other and in their order.

    When ``take`` raises, that is ``failure``, and whoever iterates over the connection
    gets an empty message; nothing is taken any more.
    """

    take: Callable[[Buffer], None]

    def __init__(self, *args: Any, **options: Any) -> None:
        self.failure: Optional[Exception] = None
        self._parts: list[Buffer] = []
        self._reader: Optional[threading.Thread] = None
        super().__init__(*args, **options)

    def reads_here(self) -> bool:
        """Whether this thread is the one that reads: it must not wait for messages."""
        return self._reader is threading.current_thread()

    def process_event(self, event: Event) -> None:
        """Called by the library with what was read."""
        if not isinstance(event, Frame) or event.opcode not in (Opcode.BINARY, Opcode.CONT):
            super().process_event(event)
            return
        self._parts.append(event.data)
        if not event.fin or self.failure is not None:
            return
        parts, self._parts = self._parts, []
        self._reader = threading.current_thread()
        try:
            self.take(bytes(parts[0]) if len(parts) == 1 else b"".join(parts))
        except Exception as error:
            self.failure = error
            super().process_event(Frame(Opcode.BINARY, b""))
