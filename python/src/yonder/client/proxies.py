"""A pool of connections to one service, through the environment's proxy if there is one."""

from __future__ import annotations

import functools
import socket
import ssl
import urllib.request
from typing import Any, Callable, Optional
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection

# More threads than this at once open connections that are closed afterwards.
KEPT = 8

# Made once. Who sends knows what may be repeated; see Transport.
_NEVER = urllib3.Retry(False, redirect=False)

# Calls are small and waited for, and a connection may be idle for long.
SOCKET_OPTIONS = [
    *HTTPConnection.default_socket_options,  # no delay
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
]


def proxy_for(url: str) -> Optional[str]:
    """The proxy that the environment names for the URL."""
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    found = urllib.request.getproxies().get(parts.scheme)
    return found if not found or "://" in found else f"http://{found}"


def open_pool(
    url: str, context: Optional[ssl.SSLContext]
) -> tuple[Callable[..., urllib3.response.BaseHTTPResponse], Callable[[], None]]:
    """Return how to send ``(method, path, ...)`` to the service, and how to close the pool.

    Redirects are not followed: the token is for this service only.
    """
    proxy = proxy_for(url)
    options: dict[str, Any] = {"maxsize": KEPT, "socket_options": SOCKET_OPTIONS}
    if context is not None:
        options["ssl_context"] = context
    if proxy is not None:
        manager = urllib3.ProxyManager(proxy, **options)
        through = functools.partial(manager.urlopen, retries=_NEVER, redirect=False)
        return lambda method, path, **rest: through(method, url + path, **rest), manager.clear
    direct = urllib3.PoolManager(**options)
    pool = direct.connection_from_url(url)
    prefix = urlsplit(url).path
    send = functools.partial(pool.urlopen, retries=_NEVER, redirect=False)
    if not prefix:
        return send, pool.close
    return lambda method, path, **rest: send(method, prefix + path, **rest), pool.close
