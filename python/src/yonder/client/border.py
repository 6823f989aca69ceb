"""Where errors leave the package: without the frames that the user did not write."""

from __future__ import annotations

import copy
import copyreg
import functools
import os
import pickle
from collections.abc import Callable
from types import FunctionType, TracebackType
from typing import Any, Optional, TypeVar, cast

import yonder
from yonder.errors import InternalError, RemoteTraceback, YonderError

F = TypeVar("F", bound=Callable[..., Any])
E = TypeVar("E", bound=BaseException)
C = TypeVar("C", bound=type)

_OURS = (
    os.path.dirname(os.path.abspath(yonder.__file__)) + os.sep,
    # In a worker this half of the package is elsewhere.
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep,
    os.path.abspath(pickle.__file__),
    os.path.abspath(copyreg.__file__),
)


def border(method: F) -> F:
    """A public method whose errors show the caller's frames only.

    A bug in Yonder keeps all its frames: they are for whoever mends it.
    """

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except InternalError:
            raise
        except YonderError as error:
            raise plain(error)  # noqa: B904  # plain keeps the cause that is worth seeing

    return cast("F", call)


def bordered(cls: C) -> C:
    """A class of whose public methods each is a border."""
    for name, value in list(vars(cls).items()):
        if not name.startswith("_") and isinstance(value, FunctionType):
            setattr(cls, name, border(value))
    return cls


def plain(error: E) -> E:
    """The error without our frames. Its cause stays if it has frames of the user's own."""
    cause = error.__cause__
    while isinstance(cause, YonderError):
        cause = cause.__cause__  # its text is part of the error's
    if cause is not None and not isinstance(cause, RemoteTraceback):
        cause.__traceback__ = _theirs(cause.__traceback__)
        cause.__context__ = None
        cause = cause if cause.__traceback__ else None
    error.__context__ = None
    error.__cause__ = cause  # and thereby no context is shown
    return error.with_traceback(None)


def fresh(error: E) -> E:
    """A copy without frames, for one more future: raising adds frames to an exception."""
    try:
        return plain(copy.copy(error))
    except Exception:  # one that cannot be copied
        return plain(error)


def _theirs(trace: Optional[TracebackType]) -> Optional[TracebackType]:
    """The traceback from the first frame on that is neither ours nor pickle's."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OURS):
        trace = trace.tb_next
    return trace
