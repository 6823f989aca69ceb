"""The one connection over which all results come."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Optional

from yonder.client import backoff
from yonder.client.http import Transport, context_of
from yonder.client.inbox import Inbox
from yonder.errors import YonderError, error_for
from yonder.wire import MAX_LOCAL_FRAME

if TYPE_CHECKING:
    from yonder.client.connection import Connection

log = logging.getLogger("yonder.client")
# The library's debug log has the handshake with the token in it.
_quiet = logging.getLogger("yonder.client.websocket")
_quiet.setLevel(logging.WARNING)

OPEN_S = 10.0
CLOSE_S = 1.0
# A connection that lasted this long was a good one.
STEADY_S = 1.0
# How often to say again that there is no connection.
REMIND_S = 60.0


class Stream:
    """Feeds an inbox from ``GET /v1/stream``, in a thread that starts when it is needed.

    A broken connection is made again for as long as somebody waits for results;
    it goes on from the last cursor that was dealt with, so nothing is missed or
    repeated. ``trouble`` says why there is no connection, if there should be one.
    """

    def __init__(self, transport: Transport, inbox: Inbox) -> None:
        self._transport = transport
        self._inbox = inbox
        self._lock = threading.Lock()
        self._needed = threading.Condition(self._lock)
        self._connection: Optional[Connection] = None
        self._thread: Optional[threading.Thread] = None
        self._closed = threading.Event()
        self._wanted = False
        self._reminded = float("-inf")
        self.trouble = ""

    def start(self) -> None:
        """Connect, if that has not been done yet: results will be waited for."""
        with self._lock:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(
                    target=self._run, name="yonder-receive", daemon=True
                )
                self._thread.start()
            self._wanted = self._wanted or self._connection is None
            self._needed.notify()

    def follow(self, group: str) -> None:
        """Receive a group's results, from the inbox's cursor on."""
        new, cursor = self._inbox.begin(group)
        if new:
            self._say({"group": group, "cursor": cursor})
        self.start()

    def leave(self, group: str) -> None:
        """Stop receiving a group's results, unless somebody waits for them."""
        if self._inbox.leave(group):
            self._say({"group": group, "cursor": 0, "stop": True})

    def close(self) -> None:
        """End the connection and the thread."""
        self._closed.set()
        with self._lock:
            self._needed.notify()
            connection, thread = self._connection, self._thread
        if connection is not None and connection.reads_here():
            # In a callback: the thread that closes waits for the one that reads.
            threading.Thread(target=connection.close, name="yonder-close", daemon=True).start()
            return
        if connection is not None:
            connection.close()
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSE_S)

    def _say(self, message: dict[str, Any]) -> None:
        with self._lock:
            connection = self._connection
        if connection is not None:
            _send(connection, message)

    # -- the thread ------------------------------------------------------

    def _run(self) -> None:
        failures = 0
        while self._wait_until_needed():
            begin = time.monotonic()
            try:
                self._converse()
            except Exception as error:
                self._lost(error)
            with self._lock:
                self._connection = None
            failures = 0 if time.monotonic() - begin > STEADY_S else failures + 1
            self._closed.wait(backoff.delay(failures))

    def _wait_until_needed(self) -> bool:
        """Wait until there is something to connect for; False when closed."""
        with self._lock:
            while not self._closed.is_set():
                if self._wanted or self._inbox.waiting():
                    self._wanted = False
                    return True
                self._needed.wait()
            return False

    def _converse(self) -> None:
        """Connect, subscribe to all groups, and read until the connection ends."""
        connection = _connect(self._transport, self._inbox)
        with connection:
            with self._lock:
                self._connection = connection
                if self._closed.is_set():
                    return
            for group, cursor in self._inbox.resume():
                _send(connection, {"group": group, "cursor": cursor})
            if self.trouble:
                log.info("results come again")
            self.trouble = ""
            for _ in connection:
                if connection.failure is not None:
                    raise connection.failure

    def _lost(self, error: Exception) -> None:
        """Say why there is no connection. That one broke is no news: it is made again."""
        error = _refusal(error) or error
        reason = str(error) or type(error).__name__
        log.debug("no stream of results: %s", reason)
        if self._closed.is_set() or (self._connection and not isinstance(error, YonderError)):
            return
        changed, self.trouble = reason != self.trouble, reason
        now = time.monotonic()
        if changed or now > self._reminded + REMIND_S:
            self._reminded = now
            log.warning(
                "no connection for results, trying again: %s (%d bundles are waited for)",
                reason,
                self._inbox.waiting(),
            )


def _connect(transport: Transport, inbox: Inbox) -> Connection:
    # Here, because it takes a while and those who only ask never need it.
    from websockets.sync.client import connect

    from yonder.client.connection import Connection

    settings = transport.settings
    connection = connect(
        "ws" + settings.url[len("http") :] + "/v1/stream",
        additional_headers=transport.headers,
        ssl=context_of(settings),
        compression=None,
        max_size=MAX_LOCAL_FRAME,
        open_timeout=OPEN_S,
        close_timeout=CLOSE_S,
        logger=_quiet,
        create_connection=Connection,
    )
    assert isinstance(connection, Connection), "it was asked for"
    connection.take = inbox.take  # before anything is subscribed to
    return connection


def _send(connection: Connection, message: dict[str, Any]) -> None:
    from websockets.exceptions import ConnectionClosed

    with contextlib.suppress(ConnectionClosed):  # the next connection subscribes to all
        connection.send(json.dumps(message))


def _refusal(error: Exception) -> Optional[YonderError]:
    """The service's own reason for refusing the connection, if it gave one."""
    from websockets.exceptions import InvalidStatus

    if not isinstance(error, InvalidStatus):
        return None
    try:
        value = json.loads(error.response.body or b"")
        return error_for(value["code"], value["message"], None, error.response.status_code)
    except (ValueError, KeyError, TypeError):
        return None
