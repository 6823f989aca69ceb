"""Requests to the service: one pool of connections, one place that tries again."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import logging
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Optional, Union

import urllib3
from urllib3.exceptions import HTTPError

import yonder
from yonder.client import backoff, refusal
from yonder.client.config import Settings
from yonder.client.direct import Answer, Direct
from yonder.client.proxies import open_pool
from yonder.errors import MalformedFrame, Timeout, Unavailable, YonderError

log = logging.getLogger("yonder.client")

TYPE_JSON = "application/json"
TYPE_FRAMES = "application/vnd.yonder.frames"
TYPE_BYTES = "application/octet-stream"

CONNECT_S = 10.0
READ_S = 60.0
PATIENCE_S = 30.0
# The repetition that is worth a warning: it comes after about half a second.
REMARKABLE = 4

Response = urllib3.response.BaseHTTPResponse
Buffer = Union[bytes, bytearray, memoryview]


@dataclass(frozen=True)
class Request:
    """One request. ``idempotent`` ones are repeated when no answer came.

    ``quick`` ones are posts that are small, repeatable and waited for.
    ``wait`` is how many seconds longer than usual the service may take to
    answer, ``stream`` leaves the answer's body to be read by the caller.
    """

    method: str
    path: str
    body: Optional[Buffer] = None
    type: str = TYPE_JSON
    accept: str = TYPE_JSON
    idempotent: bool = True
    wait: float = 0.0
    stream: bool = False
    quick: bool = False


def context_of(settings: Settings) -> Optional[ssl.SSLContext]:
    """How to check the service's certificate; None where there is none."""
    if not settings.url.startswith("https:"):
        return None
    return ssl.create_default_context(cafile=settings.ca_file)


class Transport:
    """Sends requests for any number of threads.

    ``patience`` is for how many seconds an idempotent request is repeated
    while the service cannot be reached. A service that never answered is
    given up at once: its address is more likely wrong than its host restarting.
    """

    def __init__(self, settings: Settings, patience: float = PATIENCE_S) -> None:
        self.settings = settings
        self.patience = patience
        self._headers = {
            "Authorization": f"Bearer {settings.token}",
            "User-Agent": f"yonder-python/{yonder.__version__}",
        }
        context = context_of(settings)
        self._open, self._clear = open_pool(settings.url, context)
        self._direct = Direct(settings.url, context, self._headers, CONNECT_S, READ_S)
        self._closed = threading.Event()
        self._answered = False
        self.trouble = ""  # why requests are being repeated

    def close(self) -> None:
        """Close idle connections; requests that wait to try again give up."""
        self._closed.set()
        self._direct.close()
        self._clear()

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries, the token included."""
        return dict(self._headers)

    def pause(self, seconds: float) -> bool:
        """Wait; True if the transport was closed meanwhile."""
        return self._closed.wait(seconds)

    def json(
        self,
        method: str,
        path: str,
        value: Any = None,
        *,
        idempotent: bool = True,
        wait: float = 0.0,
    ) -> Any:
        """Send and receive JSON; None for an answer without a body."""
        body = None if value is None else json.dumps(value).encode()
        request = Request(method, path, body, idempotent=idempotent, wait=wait)
        return read_json(self.send(request))

    def send(self, request: Request) -> Response:
        """The answer, if it is a good one; raises the service's error, Unavailable or Timeout."""
        begin = time.monotonic()
        if self._closed.is_set():
            raise Unavailable("the client is closed: make another one")
        for attempt in itertools.count():
            try:
                response = self._once(request)
                self.trouble = ""
                return response
            except (Unavailable, Timeout) as error:
                left = begin + self.patience - time.monotonic()
                pause = max(backoff.delay(attempt, 2.0), error.retry_after or 0.0)
                if not request.idempotent or not self._worth_it(error) or pause > left:
                    raise
                self.trouble = str(error)
                level = logging.WARNING if attempt == REMARKABLE else logging.DEBUG
                log.log(level, "%s %s is repeated: %s", request.method, request.path, error)
                if self.pause(pause):
                    raise
        raise AssertionError("unreachable")

    def _worth_it(self, error: YonderError) -> bool:
        if isinstance(error, refusal.NotTrusted):
            return False
        return self._answered or not isinstance(error, refusal.NotListening)

    def _once(self, request: Request) -> Response:
        if request.quick and request.body is not None:
            answer = self._direct.post(request.path, request.type, request.body)
            if answer is not None:
                return self._answer(request, _as_response(answer))
        headers = {**self._headers, "Accept": request.accept}
        if request.body is not None:
            headers["Content-Type"] = request.type
        limits = urllib3.Timeout(connect=CONNECT_S, read=READ_S + request.wait)
        try:
            response = self._open(
                request.method,
                request.path,
                body=request.body,
                headers=headers,
                timeout=limits,
                preload_content=not request.stream,
            )
        except HTTPError as error:
            raise refusal.of_connection(self.settings.url, error) from None
        return self._answer(request, response)

    def _answer(self, request: Request, response: Response) -> Response:
        """The answer if it is a good one; raises the service's error."""
        self._answered = True
        if response.status >= 300:
            refused = refusal.of_answer(f"{request.method} {request.path}", response)
            response.release_conn()
            raise refused
        return response

    def fill(self, path: str, buffer: memoryview) -> Iterator[int]:
        """Read the body of a GET into the buffer, and tell how much of it is there by now.

        One more than the buffer has says that the body is longer; a break raises Unavailable.
        """
        response = self.send(Request("GET", path, accept=TYPE_BYTES, stream=True))
        with _released(response):
            try:
                yield from _fill(response, buffer)
            except HTTPError as error:
                raise refusal.of_connection(self.settings.url, error) from None
            except (OSError, http.client.HTTPException) as error:
                raise Unavailable(f"the connection to {self.settings.url} broke: {error}") from None


# How many bytes are read at a time at most.
PIECE = 1 << 20


def _fill(response: Response, buffer: memoryview) -> Iterator[int]:
    """Bytes go straight to their place if the answer says how many there are.

    What urllib3 itself hands out was copied twice.
    """
    size, at = len(buffer), 0
    raw: Any = getattr(response, "_fp", None)
    if response.headers.get("Content-Length") == str(size) and hasattr(raw, "readinto"):
        while at < size:
            count = raw.readinto(buffer[at : at + PIECE])
            if not count:
                return
            at += count
            yield at
        response.read()  # nothing, and urllib3 knows that the answer is over
        return
    for piece in response.stream(PIECE):
        if at + len(piece) > size:
            yield size + 1
            response.close()
            return
        buffer[at : at + len(piece)] = piece
        at += len(piece)
        yield at


@contextlib.contextmanager
def _released(response: Response) -> Iterator[None]:
    """Give the connection back, or close it if something of the answer may be unread."""
    try:
        yield
    except BaseException:
        response.close()
        raise
    response.release_conn()


def read_json(response: Response) -> Any:
    """The answer's JSON, None if it has no body."""
    if not response.data:
        return None
    try:
        return json.loads(response.data)
    except ValueError as error:
        raise MalformedFrame(f"the service's answer is no JSON: {error}") from None


def with_query(path: str, query: Mapping[str, Any]) -> str:
    """The path with those parameters that are set."""
    from urllib.parse import urlencode

    given = {key: value for key, value in query.items() if value not in (None, "", 0)}
    return f"{path}?{urlencode(given)}" if given else path


def _as_response(answer: Answer) -> Response:
    return urllib3.HTTPResponse(answer.data, answer.headers, answer.status)
