"""A service at the protocol's boundary: real HTTP and WebSocket on one port.

Faults are put in ``faults`` by (method, path): each is called once, in order,
with the handler, before the request is dealt with.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any, Optional

from .fake_faults import Fault
from .fake_routes import Handler
from .fake_state import State
from .fake_stream import FakeStream


class FakeService:
    """Serves a State until it is stopped; it can be started again on its port."""

    def __init__(self, state: Optional[State] = None, tls: Optional[ssl.SSLContext] = None) -> None:
        self.state = state or State()
        self.tls = tls
        self.faults: defaultdict[tuple[str, str], deque[Fault]] = defaultdict(deque)
        self.streams: list[FakeStream] = []
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}"

    def start(self) -> None:
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.fake = self
        if self.tls:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Like kill -9: connections break, what was accepted stays."""
        self.server.shutdown()
        self.server.server_close()
        self.cut()

    def cut(self) -> None:
        """Break every connection."""
        for connection in list(self.server.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def fault(self, method: str, path: str, *faults: Fault) -> None:
        self.faults[method, path].extend(faults)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    fake: FakeService

    def __init__(self, *args: Any) -> None:
        self.connections: set[socket.socket] = set()
        super().__init__(*args)

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        self.connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, address: Any) -> None:
        pass  # broken connections are part of the tests


@contextlib.contextmanager
def serving(**options: Any) -> Iterator[FakeService]:
    service = FakeService(**options)
    try:
        yield service
    finally:
        service.stop()
