"""The fake service's side of GET /v1/stream."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from email.message import Message
from typing import Any, Optional

from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from yonder import wire

from .fake_state import State


class FakeStream:
    """One WebSocket: subscriptions come in, pages of results go out."""

    PAGE = 1000

    def __init__(self, state: State, connection: socket.socket, headers: Message) -> None:
        self.state = state
        self.connection = connection
        self.protocol = ServerProtocol()
        # The handshake was read already: let the protocol read it as well.
        lines = ["GET /v1/stream HTTP/1.1", *(f"{key}: {text}" for key, text in headers.items())]
        self.protocol.receive_data("\r\n".join([*lines, "", ""]).encode())
        (request,) = self.protocol.events_received()
        assert isinstance(request, Request)
        self.response = self.protocol.accept(request)
        self.cursors: dict[str, int] = {}
        self.heard: list[dict[str, Any]] = []
        self.closed = False
        self.paused = False
        self.write = threading.Lock()

    def serve(self) -> None:
        with self.write:
            self.protocol.send_response(self.response)
            self.flush()
        sender = threading.Thread(target=self.send_pages, daemon=True)
        sender.start()
        with contextlib.suppress(OSError):
            self.read()
        with self.state.changed:
            self.closed = True
            self.state.changed.notify_all()
        sender.join()

    def read(self) -> None:
        while True:
            data = self.connection.recv(65536)
            with self.write:
                if data:
                    self.protocol.receive_data(data)
                else:
                    self.protocol.receive_eof()
                self.flush()
            for event in self.protocol.events_received():
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    self.subscribe(json.loads(event.data))
            if not data:
                return

    def flush(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self.connection.sendall(data)
            else:
                with contextlib.suppress(OSError):
                    self.connection.shutdown(socket.SHUT_WR)

    def subscribe(self, message: dict[str, Any]) -> None:
        with self.state.changed:
            self.heard.append(message)
            group = message["group"]
            if message.get("stop"):
                self.cursors.pop(group, None)
            elif group in self.state.groups:
                self.cursors[group] = message["cursor"]
            else:
                error = {
                    "code": "not_found",
                    "message": f"there is no group {group}",
                    "field": group,
                }
                self.send(wire.Kind.ERROR, error)
            self.state.changed.notify_all()

    def news(self) -> Optional[str]:
        for group, cursor in self.cursors.items():
            if len(self.state.groups[group].log) > cursor and not self.paused:
                return group
        return None

    def send_pages(self) -> None:
        while True:
            with self.state.changed:
                self.state.changed.wait_for(lambda: self.closed or self.news())
                group = self.news()
                if self.closed or group is None:
                    return
                header, columns = self.state.page(group, self.cursors[group], self.PAGE)
                self.cursors[group] = header["cursor"]
            with contextlib.suppress(OSError, WebSocketException):  # it is closing
                self.send(wire.Kind.RESULT, header, columns)

    def send(self, kind: int, header: Any, columns: Any = ()) -> None:
        with self.write:
            data, size = b"".join(wire.encode(kind, header, columns)), self.state.fragment
            self.protocol.send_binary(data[:size], fin=len(data) <= size)
            for at in range(size, len(data), size):
                self.protocol.send_continuation(data[at : at + size], fin=at + size >= len(data))
            self.flush()

    def pause(self, paused: bool) -> None:
        """Hold pages back."""
        with self.state.changed:
            self.paused = paused
            self.state.changed.notify_all()
