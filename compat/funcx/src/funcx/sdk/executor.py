"""FuncXExecutor: ``concurrent.futures`` in funcX's words."""

from __future__ import annotations

import concurrent.futures
import threading
import uuid
import warnings
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional, Union

import yonder

from funcx.errors import translated
from funcx.sdk.client import FuncXClient
from funcx.sdk.future import FuncXFuture
from funcx.sdk.registration import refuse_container

__all__ = ["FuncXExecutor", "FuncXFuture"]

IGNORED = frozenset({"batch_interval", "batch_enabled"})


class FuncXExecutor(concurrent.futures.Executor):
    """Runs calls on the endpoint ``endpoint_id``, which may be set and changed later.

    Takes a FuncXClient as its first argument too, as funcX 1.0 did. Tasks are in the group
    ``task_group_id``, a new one unless one is given. ``batch_size`` has no effect: what waits
    while a request is under way travels together. Leaving the ``with`` block waits for all
    results.
    """

    __yonder_stays_here__ = True

    def __init__(
        self,
        endpoint_id: Union[str, FuncXClient, None] = None,
        container_id: Optional[str] = None,
        funcx_client: Optional[FuncXClient] = None,
        task_group_id: Optional[str] = None,
        label: str = "",
        batch_size: int = 128,
        **ignored: Any,
    ) -> None:
        refuse_container(container_id)
        for name in ignored:
            if name not in IGNORED:
                raise TypeError(f"FuncXExecutor has no argument {name!r}")
            warnings.warn(f"FuncXExecutor's argument {name!r} has no effect", stacklevel=2)
        if isinstance(endpoint_id, FuncXClient):
            endpoint_id, funcx_client = None, endpoint_id
        self.funcx_client = funcx_client or FuncXClient()
        self.endpoint_id: Optional[str] = endpoint_id
        self.label = label
        self.batch_size = batch_size
        self._lock = threading.RLock()
        self._functions: dict[Callable[..., Any], str] = {}
        self._executors: dict[str, yonder.Executor] = {}
        self._futures: weakref.WeakSet[FuncXFuture] = weakref.WeakSet()
        self._group = str(task_group_id or uuid.uuid4())
        self._stopped = False

    @property
    def task_group_id(self) -> str:
        """The group that new tasks are put in."""
        return self._group

    @task_group_id.setter
    def task_group_id(self, group: object) -> None:
        with self._lock:
            self._group = str(group)
            self._executors.clear()

    def register_function(
        self, fn: Callable[..., Any], function_id: Optional[str] = None, **options: Any
    ) -> str:
        """Register a function with options of FuncXClient.register_function, or say its id.

        ``submit`` does it by itself, without options. Raises ValueError if the function is
        registered here.
        """
        self._check_open()
        with self._lock:
            if fn in self._functions:
                raise ValueError(f"the function is registered here, as {self._functions[fn]}")
        found = function_id or self.funcx_client.register_function(fn, **options)
        with self._lock:
            self._functions[fn] = found
        return found

    def submit(  # type: ignore[override]  # also with an endpoint of its own, as funcX 1.0
        self,
        fn: Callable[..., Any],
        /,
        *args: Any,
        endpoint_id: Optional[str] = None,
        **kwargs: Any,
    ) -> FuncXFuture:
        """Run ``fn(*args, **kwargs)`` on ``endpoint_id``, by default the executor's."""
        with self._lock:
            callee = self._functions.get(fn, fn)
        return self._submit(callee, endpoint_id, args, kwargs)

    def submit_to_registered_function(
        self,
        function_id: str,
        args: Optional[Sequence[Any]] = None,
        kwargs: Optional[Mapping[str, Any]] = None,
    ) -> FuncXFuture:
        """Run a registered function, by its id."""
        return self._submit(str(function_id), None, tuple(args or ()), dict(kwargs or {}))

    def _submit(
        self,
        callee: Union[str, Callable[..., Any]],
        endpoint_id: Optional[str],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> FuncXFuture:
        endpoint = endpoint_id or self.endpoint_id
        if not endpoint:
            raise ValueError("which endpoint? Set endpoint_id, here or for the executor")
        with translated():
            future = FuncXFuture(self._executor(str(endpoint)).submit(callee, *args, **kwargs))
        self._futures.add(future)
        return future

    def _executor(self, endpoint: str) -> yonder.Executor:
        with self._lock:
            self._check_open()
            if endpoint not in self._executors:
                self._executors[endpoint] = yonder.Executor(
                    endpoint, self.funcx_client.yonder, group=self._group, label=self.label or None
                )
            return self._executors[endpoint]

    def _check_open(self) -> None:
        if self._stopped:
            raise RuntimeError("cannot schedule new futures after shutdown")

    def reload_tasks(self) -> list[FuncXFuture]:
        """Futures of all tasks of the group, from wherever they were submitted.

        Futures that this executor gave before are cancelled, their tasks are not.
        """
        with self._lock:
            for future in list(self._futures):
                future.abandon()
        with translated():
            found = yonder.Executor.attach(self._group, self.funcx_client.yonder)
        futures = [FuncXFuture(source) for source in found]
        self._futures.update(futures)
        return futures

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with ``wait``, wait until all have their results."""
        with self._lock:
            self._stopped = True
            executors = list(self._executors.values())
        for executor in executors:
            executor.shutdown(wait, cancel_futures=cancel_futures)
