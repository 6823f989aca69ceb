"""The shortest way to the service, for the one request that every call waits for.

A general client of HTTP takes ten times as long to send a small request as the request
itself takes, and sends its head and its body apart, so that the service wakes up twice.
Here both go at once, over a connection that is kept. What is not the plain
case is left to the general client: proxies, connections that cannot be made, and
services, or what is in front of them, whose answers do not say how long they are.
See docs/decisions/0013-bundles-are-posted-without-an-http-library.md.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import NamedTuple, Optional, Union
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from yonder.client.proxies import SOCKET_OPTIONS, proxy_for
from yonder.errors import Timeout, Unavailable
from yonder.wire import Buffer

# Bodies below this size travel with the head: a copy is cheaper than a second packet.
JOINED = 64 << 10
# More than any answer to a bundle has.
MOST_HEAD = 64 << 10
MOST_BODY = 16 << 20
_PIECE = 64 << 10
_ONCE = ("Content-Length", "Transfer-Encoding")


class Answer(NamedTuple):
    """An answer that was read to its end. Names of headers are written Like-This."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class OddAnswer(Exception):
    """An answer of a form that is not read here."""


class Direct:
    """One kept connection, for one request at a time; the others are not taken.

    ``headers`` are those of every request, ``connect_s`` and ``read_s`` how many
    seconds to wait.
    """

    def __init__(
        self,
        url: str,
        context: Optional[ssl.SSLContext],
        headers: Mapping[str, str],
        connect_s: float,
        read_s: float,
    ) -> None:
        self._url = url
        self._context = context
        self._waits = (connect_s, read_s)
        self._busy = threading.Lock()
        self._socket: Optional[socket.socket] = None
        parts = urlsplit(url)
        self._at = (parts.hostname or "", parts.port)
        self._prefix = parts.path
        lines = {"Host": parts.netloc.rpartition("@")[2], **headers}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        # A header must not end early, whatever is in it; the general client says what is wrong.
        whole = self._head.isascii() and self._head.count("\r") == len(lines)
        self._usable = whole and self._head.count("\n") == len(lines) and proxy_for(url) is None

    def post(self, path: str, type: str, body: Buffer) -> Optional[Answer]:
        """The answer, whatever it is; None if the request is to be sent another way.

        It may have been dealt with then, so this is for what may be repeated. Raises
        Unavailable or Timeout if the connection breaks before the answer.
        """
        if not self._usable or not self._busy.acquire(blocking=False):
            return None
        try:
            sock = self._connected()
            return None if sock is None else self._ask(sock, path, type, body)
        finally:
            self._busy.release()

    def close(self) -> None:
        """Send nothing more this way. A request that is under way may fail."""
        self._usable = False
        self._drop()

    def __del__(self) -> None:
        self._drop()  # of a client that nobody closed

    def _drop(self) -> None:
        sock, self._socket = self._socket, None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.close()

    def _connected(self) -> Optional[socket.socket]:
        """The connection; None if it cannot be made, of which the general client says why."""
        if self._socket is not None and _ended(self._socket):
            self._drop()
        if self._socket is None:
            try:
                self._socket = self._connect()
            except (HTTPError, OSError):
                return None
        return self._socket

    def _connect(self) -> socket.socket:
        host, port = self._at
        connection: Union[HTTPConnection, HTTPSConnection]
        if self._context is None:
            connection = HTTPConnection(
                host, port, timeout=self._waits[0], socket_options=SOCKET_OPTIONS
            )
        else:
            connection = HTTPSConnection(
                host,
                port,
                timeout=self._waits[0],
                socket_options=SOCKET_OPTIONS,
                ssl_context=self._context,
            )
        connection.connect()
        sock: socket.socket = connection.sock
        connection.sock = None  # it is ours now
        sock.settimeout(self._waits[1])
        return sock

    def _ask(self, sock: socket.socket, path: str, type: str, body: Buffer) -> Optional[Answer]:
        head = (
            f"POST {self._prefix}{path} HTTP/1.1\r\n{self._head}Content-Type: {type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        try:
            with contextlib.suppress(BrokenPipeError):  # it may have answered all the same
                if len(body) < JOINED:
                    sock.sendall(head + body)
                else:
                    sock.sendall(head)
                    sock.sendall(body)
            answer = read_answer(sock)
        except OddAnswer:
            self.close()
            return None
        except socket.timeout:
            self._drop()
            raise Timeout(f"{self._url} did not answer in time") from None
        except OSError as error:
            self._drop()
            raise Unavailable(
                f"the connection to {self._url} broke before the answer came: {error}"
            ) from None
        except BaseException:
            self._drop()  # the rest of an answer must not be taken for the next one
            raise
        if answer.headers.get("Connection", "").lower() == "close":
            self._drop()
        return answer


def _ended(sock: socket.socket) -> bool:
    """Whether an idle connection was closed: nothing else is to be read from one."""
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        return True
    if not hasattr(select, "poll"):
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def read_answer(sock: socket.socket) -> Answer:
    """Read an answer whose length its head says.

    Raises OddAnswer for any other one, and ConnectionError if the connection ends.
    """
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        if len(data) > MOST_HEAD:
            raise OddAnswer("its head has no end")
        data += _more(sock)
    status, headers, size = read_head(data[:end])
    pieces = [data[end + 4 :]]
    left = size - len(pieces[0])
    while left > 0:
        pieces.append(_more(sock))
        left -= len(pieces[-1])
    if left:
        raise OddAnswer("more follows it")
    return Answer(status, headers, b"".join(pieces))


def read_head(head: bytes) -> tuple[int, dict[str, str], int]:
    """The status, the headers, and how many bytes of a body follow."""
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    status = rest[:3]
    if version != "HTTP/1.1" or not _is_number(status) or int(status) < 200:
        raise OddAnswer(f"it begins with {first[:40]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.title()
        if not colon or name != name.strip() or (name in headers and name in _ONCE):
            raise OddAnswer(f"it has a header {line[:40]!r}")
        headers[name] = value.strip(" \t")
    size = headers.get("Content-Length", "")
    if "Transfer-Encoding" in headers or "Content-Encoding" in headers or not _is_number(size):
        raise OddAnswer("its head does not say how long it is")
    if int(size) > MOST_BODY:
        raise OddAnswer(f"it has {size} bytes")
    return int(status), headers, int(size)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _more(sock: socket.socket) -> bytes:
    piece = sock.recv(_PIECE)
    if not piece:
        raise ConnectionError("it was closed")
    return piece
