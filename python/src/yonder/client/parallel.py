"""A backend for joblib: ``Parallel`` runs its batches on an endpoint.

The endpoint needs no joblib. joblib is imported when ``register_joblib`` is called.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, Optional, Union

from yonder.calling import call_all
from yonder.client.client import Client
from yonder.client.executor import Executor
from yonder.client.future import Future
from yonder.client.models import Endpoint

NAME = "yonder"


def register_joblib(
    endpoint: Union[str, Endpoint, None] = None, client: Optional[Client] = None, **options: Any
) -> None:
    """Make "yonder" a backend of joblib.

    ::

        yonder.register_joblib("lab")
        with joblib.parallel_config("yonder"):
            joblib.Parallel()(joblib.delayed(f)(x) for x in data)

    ``options`` are those of ``Executor``; ``parallel_config("yonder", endpoint=...)`` has
    others for one block. ``n_jobs`` batches are under way at a time, by default
    as many as the endpoint has slots. Raises ImportError if there is no joblib.
    """
    try:
        from joblib.parallel import register_parallel_backend  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError("register_joblib needs joblib: pip install 'yonder[joblib]'") from error
    given = {"endpoint": endpoint, "client": client, **options}
    register_parallel_backend(NAME, functools.partial(_backend(), given))


@functools.lru_cache(maxsize=1)
def _backend() -> Any:
    """The class; made late, because its bases are joblib's."""
    from joblib._parallel_backends import (  # type: ignore[import-untyped]
        AutoBatchingMixin,
        ParallelBackendBase,
    )

    class YonderBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc]  # untyped
        """Submits joblib's batches to an executor."""

        __yonder_stays_here__ = True

        supports_retrieve_callback = True
        supports_return_generator = True
        supports_timeout = True
        default_n_jobs = -1
        uses_threads = False

        def __init__(self, given: dict[str, Any], **more: Any) -> None:
            own = {"nesting_level", "inner_max_num_threads"}
            super().__init__(**{name: value for name, value in more.items() if name in own})
            rest = {name: value for name, value in more.items() if name not in own}
            self._given = {**given, **rest}
            self._executor: Optional[Executor] = None
            self._futures: set[Future[Any]] = set()

        def effective_n_jobs(self, n_jobs: Optional[int]) -> int:
            """``n_jobs``, or one for each slot of the endpoint."""
            if n_jobs is not None and n_jobs > 0:
                return n_jobs
            if n_jobs == 0:
                raise ValueError("n_jobs == 0 in Parallel has no meaning")
            status = self._open().endpoint.status
            return max(1, status.slots if status else 1)

        def configure(self, n_jobs: int = 1, parallel: Any = None, **_: Any) -> int:
            """Called by joblib before a run."""
            self.parallel = parallel
            self._open()
            return self.effective_n_jobs(n_jobs)

        def _open(self) -> Executor:
            if self._executor is None:
                self._executor = Executor(**self._given)
            return self._executor

        def submit(self, func: Any, callback: Callable[[Any], None]) -> Future[Any]:
            """Send a batch; joblib is called back when it has its values."""
            # Its items travel without it: the endpoint need not have joblib.
            future = self._open().submit(call_all, func.items)
            self._futures.add(future)
            future.add_done_callback(self._futures.discard)
            future.add_done_callback(callback)
            return future

        apply_async = submit

        def retrieve_result_callback(self, out: Future[Any]) -> Any:
            """The values of a batch, or its exception raised."""
            return out.result()

        def abort_everything(self, ensure_ready: bool = True) -> None:
            """Called by joblib when a batch has failed: stop the others."""
            for future in list(self._futures):
                future.cancel()

        def terminate(self) -> None:
            """Called by joblib after a run; the executor is used again by the next."""

    return YonderBackend
