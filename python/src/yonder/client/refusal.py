"""From a request that failed to the exception that says why."""

from __future__ import annotations

import json
from typing import Any, Optional

import urllib3
from urllib3.exceptions import (
    HTTPError,
    NewConnectionError,
    ProxyError,
    SSLError,
    TimeoutError,
)

from yonder.errors import (
    InternalError,
    LimitReached,
    Timeout,
    Unavailable,
    YonderError,
    error_for,
)

# What an answer means that does not come from the service itself but from
# something in between.
_BY_STATUS = {
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    408: "timeout",
    413: "too_large",
    426: "unsupported_wire",
    429: "limit_reached",
    502: "unavailable",
    503: "unavailable",
    504: "timeout",
}


class NotListening(Unavailable):
    """Nothing accepts connections at the service's address."""


class NotTrusted(Unavailable):
    """The service's certificate is not one to trust."""


def of_connection(url: str, error: HTTPError) -> YonderError:
    """The exception for a request that got no answer."""
    reason = str(error).partition(": ")[2] or str(error)
    if isinstance(error, ProxyError):
        return NotListening(f"the proxy for {url} cannot be used: {reason}")
    if isinstance(error, SSLError) and "WRONG_VERSION_NUMBER" in reason:
        return NotTrusted(f"{url} speaks http, not https: use http:// in the URL")
    if isinstance(error, SSLError):
        return NotTrusted(
            f"no safe connection to {url}: {reason}; for a certificate of your own, name its file "
            "with ca_file= or YONDER_CA_FILE"
        )
    if isinstance(error, NewConnectionError):
        return NotListening(
            f"no service answers at {url} ({reason}): start one with `yonder up`, or check the URL"
        )
    if isinstance(error, TimeoutError):
        return Timeout(f"{url} did not answer in time: {reason}")
    return Unavailable(f"the connection to {url} broke before the answer came: {reason}")


def of_answer(what: str, response: urllib3.response.BaseHTTPResponse) -> YonderError:
    """The exception for an answer that is no success; ``what`` was asked for."""
    status = response.status
    value = _error_body(response)
    if value is None:
        error = _without_reason(what, status, response.headers.get("Location"), _text(response))
    else:
        field = value.get("field") or None
        error = error_for(str(value["code"]), str(value.get("message", "")), field, status)
        if isinstance(error, LimitReached):
            _say_which(error, value.get("reached"))
    error.retry_after = _seconds(response.headers.get("Retry-After"))
    return error


def _say_which(error: LimitReached, reached: Any) -> None:
    if isinstance(reached, dict):
        error.limit = str(reached.get("limit", ""))
        error.current = int(reached.get("current") or 0)
        error.maximum = int(reached.get("maximum") or 0)


def _text(response: urllib3.response.BaseHTTPResponse) -> bytes:
    try:
        return response.data
    except HTTPError:
        return b""


def _error_body(response: urllib3.response.BaseHTTPResponse) -> Optional[dict[str, Any]]:
    try:
        value = json.loads(_text(response))
    except ValueError:
        return None
    return value if isinstance(value, dict) and "code" in value else None


def _without_reason(what: str, status: int, location: Optional[str], text: bytes) -> YonderError:
    if status == 400 and b"HTTP request to an HTTPS server" in text:
        says = "the service speaks https, not http: use https:// in the URL"
        return error_for("invalid_config", says)
    if location:
        return InternalError(f"{what} was redirected to {location}: use that URL", status=status)
    code = _BY_STATUS.get(status, "internal")
    return error_for(code, f"{what} was answered with status {status} and no reason", None, status)


def _seconds(text: Optional[str]) -> Optional[float]:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None  # a date: the usual pause will do
