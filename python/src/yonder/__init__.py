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
    "Client": "yonder.client.client",
    "Executor": "yonder.client.executor",
    "AsyncExecutor": "yonder.client.aio",
    "function": "yonder.client.decorator",
    "as_completed": "yonder.client.progress",
    "register_joblib": "yonder.client.parallel",
    "Future": "yonder.client.future",
    "Acceptance": "yonder.client.future",
    "ShellFunction": "yonder.client.shell",
    "ShellResult": "yonder.client.shell",
    "Endpoint": "yonder.client.models",
    "Function": "yonder.client.models",
    "Requirements": "yonder.client.models",
    "Retry": "yonder.client.models",
    "Sharing": "yonder.client.models",
    "Task": "yonder.client.models",
    "Group": "yonder.client.groups",
    "CurrentTask": "yonder.context",
    "current_task": "yonder.context",
    "progress": "yonder.context",
    "CaptureError": "yonder.errors",
    "CodecMismatch": "yonder.errors",
    "PackError": "yonder.errors",
    "OfflineWarning": "yonder.errors",
    "RemoteError": "yonder.errors",
    "ShellError": "yonder.errors",
    "TaskFailed": "yonder.errors",
    "YonderError": "yonder.errors",
    "capture": "yonder.capture",
    "client": "yonder.client",
    "codec": "yonder.codec",
    "errors": "yonder.errors",
}

__all__ = ["__version__", *_LAZY]

if TYPE_CHECKING:
    from yonder import capture as capture
    from yonder import client as client
    from yonder import codec as codec
    from yonder import errors as errors
    from yonder.client.aio import AsyncExecutor as AsyncExecutor
    from yonder.client.client import Client as Client
    from yonder.client.decorator import function as function
    from yonder.client.executor import Executor as Executor
    from yonder.client.future import Acceptance as Acceptance
    from yonder.client.future import Future as Future
    from yonder.client.groups import Group as Group
    from yonder.client.models import Endpoint as Endpoint
    from yonder.client.models import Function as Function
    from yonder.client.models import Requirements as Requirements
    from yonder.client.models import Retry as Retry
    from yonder.client.models import Sharing as Sharing
    from yonder.client.models import Task as Task
    from yonder.client.parallel import register_joblib as register_joblib
    from yonder.client.progress import as_completed as as_completed
    from yonder.client.shell import ShellFunction as ShellFunction
    from yonder.client.shell import ShellResult as ShellResult
    from yonder.context import CurrentTask as CurrentTask
    from yonder.context import current_task as current_task
    from yonder.context import progress as progress
    from yonder.errors import CaptureError as CaptureError
    from yonder.errors import CodecMismatch as CodecMismatch
    from yonder.errors import OfflineWarning as OfflineWarning
    from yonder.errors import PackError as PackError
    from yonder.errors import RemoteError as RemoteError
    from yonder.errors import ShellError as ShellError
    from yonder.errors import TaskFailed as TaskFailed
    from yonder.errors import YonderError as YonderError


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
