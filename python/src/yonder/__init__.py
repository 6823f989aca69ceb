"""Yonder: run Python functions on any machine that has an endpoint.

Importing this package loads nothing else: a worker needs only
``yonder.codec``, ``yonder.capture`` and ``yonder.worker``, which use the
standard library alone. What belongs to the client is loaded at first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Where each public name lives; the import happens when it is first asked for.
_LAZY = {
    "capture": "yonder.capture",
    "codec": "yonder.codec",
    "errors": "yonder.errors",
    "Client": "yonder.client.client",
    "Executor": "yonder.client.executor",
    "Future": "yonder.client.future",
    "CaptureError": "yonder.errors",
    "CodecMismatch": "yonder.errors",
    "PackError": "yonder.errors",
    "RemoteError": "yonder.errors",
    "YonderError": "yonder.errors",
}

__all__ = ["__version__", *_LAZY]

if TYPE_CHECKING:
    from yonder import capture, codec, errors
    from yonder.client.client import Client
    from yonder.client.executor import Executor
    from yonder.client.future import Future
    from yonder.errors import CaptureError, CodecMismatch, PackError, RemoteError, YonderError


def __getattr__(name: str) -> Any:
    """Load a public name from its module at first use (PEP 562)."""
    home = _LAZY.get(name)
    if home is None:
        raise AttributeError(f"module 'yonder' has no attribute {name!r}")
    module = importlib.import_module(home)
    value = module if home == f"yonder.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
