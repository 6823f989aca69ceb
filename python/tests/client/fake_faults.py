"""Faults for the fake service: what goes wrong before a request is dealt with."""

from __future__ import annotations

import threading
from typing import Any, Callable, Optional

from yonder import wire

from .fake_routes import Drop, Handler
from .fake_state import Bundle, Refusal

Fault = Callable[[Handler], None]


def refuse(
    status: int,
    code: str,
    message: str = "because",
    reached: Optional[dict[str, Any]] = None,
    **headers: str,
) -> Fault:
    """A fault: answer with an error."""

    def fault(handler: Handler) -> None:
        refusal = Refusal(status, code, message, **({"reached": reached} if reached else {}))
        refusal.headers = headers
        raise refusal

    return fault


def drop(handler: Handler) -> None:
    """A fault: break the connection before anything is done."""
    raise Drop


def drop_after(handler: Handler) -> None:
    """A fault: do what is asked, and break the connection before the answer."""
    frames = wire.decode_all(handler.body)
    handler.state.submit([Bundle(f.header, [bytes(c) for c in f.columns]) for f in frames])
    raise Drop


class Gate:
    """A fault that holds a request until it is opened."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()

    def __call__(self, handler: Handler) -> None:
        self.entered.set()
        assert self.open.wait(20)
