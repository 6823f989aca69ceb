"""From a bundle back to a callable, with the standard library alone."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Optional

from yonder.capture.bundle import Bundle
from yonder.capture.namespace import Disagree, Namespace
from yonder.errors import CodecMismatch, RestoreError


class Restored:
    """A captured function, ready to be called; what ``restore`` returns.

    Not for two threads at once: while it runs, its modules are the process's.
    Globals that it changes stay changed for the next call. ``name`` is the
    function's name, ``function`` the object itself.
    """

    function: Callable[..., Any]

    def __init__(self, data: bytes) -> None:
        self._bundle = Bundle.load(data)
        self._id = _id(data)
        self._depth = 0
        self.name = self._bundle.name
        self._namespace = self._fresh(None)

    def _fresh(self, other: Optional[Bundle]) -> Namespace:
        if self._bundle.root is None:
            raise RestoreError("this is the code of a payload, not a function")
        namespace = Namespace()
        # Whole modules first: single definitions are then taken from them.
        for bundle in (self._bundle, other):
            if bundle is not None:
                namespace.take_modules(bundle)
        self.function = namespace.load(self._bundle, self._id)[self._bundle.root]
        return namespace

    def load(self, data: bytes) -> dict[str, Any]:
        """Objects of the code that a payload carries, in this function's modules.

        Raises CodecMismatch if something that the function uses was defined
        anew between its capture and the packing of the payload.
        """
        name = _id(data)
        known = self._namespace.loaded(name)
        if known is not None:
            return known
        bundle = Bundle.load(data)
        try:
            return self._namespace.load(bundle, name)
        except Disagree:
            # Perhaps only with what an earlier payload brought: begin afresh.
            return self._load_afresh(bundle, name)

    def _load_afresh(self, bundle: Bundle, name: str) -> dict[str, Any]:
        function = self.function
        try:
            namespace = self._fresh(bundle)
            table = namespace.load(bundle, name)
        except Disagree as error:
            self.function = function
            raise CodecMismatch(
                f"{error} has changed since {self.name!r} was captured, and the arguments bring "
                "the new one: register the function again"
            ) from None
        if self._depth:
            self._namespace.leave()
            namespace.enter()
        self._namespace = namespace
        return table

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Use the function's modules: while loading arguments, calling, packing the result."""
        self._depth += 1
        if self._depth == 1:
            self._namespace.enter()
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._namespace.leave()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function; a coroutine is run to its end."""
        with self.active():
            value = self.function(*args, **kwargs)
            if inspect.iscoroutine(value):
                import asyncio

                return asyncio.run(value)
            return value


def restore(data: bytes) -> Restored:
    """The function that ``capture`` made these bytes of.

    Raises CodecMismatch for bytecode of another minor version, RestoreError
    if something it needs is missing here, UnpackError for damaged bytes.
    """
    return Restored(data)


def load_code(data: bytes) -> dict[str, Any]:
    """Objects of the code that a payload carries, in modules of their own."""
    return Namespace().load(Bundle.load(data), _id(data))


def _id(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
