"""FuncXClient: registers functions, runs them, asks for results."""

from __future__ import annotations

import threading
import uuid
import warnings
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Optional

import yonder

from funcx.errors import translated
from funcx.sdk import registration, status
from funcx.sdk.batch import Batch, Call
from funcx.sdk.tasks import Tasks

__all__ = ["FuncXClient"]

# Arguments that have no meaning here, of all versions of funcX.
IGNORED = frozenset(
    {
        "check_endpoint_version",
        "environment",
        "force_login",
        "funcx_home",
        "fx_authorizer",
        "login_manager",
        "loop",
        "openid_authorizer",
        "results_ws_uri",
        "search_authorizer",
        "use_offprocess_checker",
        "warn_about_url_mismatch",
    }
)

# How many pairs of endpoint and group stay prepared for further calls.
EXECUTORS = 64
# Requests at once of get_batch_result.
AT_ONCE = 8


class FuncXClient:
    """Speaks to a Yonder service in funcX's words.

    Which service, and as whom, is as for ``yonder.Client``: YONDER_URL and YONDER_TOKEN,
    else the login file. ``funcx_service_address`` is another service's URL, ``http_timeout``
    the seconds for which requests are repeated while it cannot be reached. All tasks are in
    the group ``session_task_group_id``, which ``task_group_id`` sets. funcX's other arguments
    are accepted and have no effect, which a warning says.
    """

    __yonder_stays_here__ = True

    def __init__(
        self,
        http_timeout: Optional[float] = None,
        funcx_home: Optional[str] = None,
        asynchronous: Optional[bool] = None,
        *,
        funcx_service_address: Optional[str] = None,
        task_group_id: Optional[object] = None,
        do_version_check: bool = True,
        **ignored: Any,
    ) -> None:
        if asynchronous:
            raise NotImplementedError(
                "asynchronous=True is not there: use FuncXExecutor, or yonder.Executor, whose "
                "futures can be awaited"
            )
        _warn({"funcx_home": funcx_home, **ignored})
        self.session_task_group_id = str(uuid.UUID(str(task_group_id or uuid.uuid4())))
        self.yonder = _connect(funcx_service_address, http_timeout)
        self.funcx_service_address = self.yonder.settings.url
        self._tasks = Tasks(self.yonder)
        self._lock = threading.Lock()
        self._executors: OrderedDict[tuple[str, str], yonder.Executor] = OrderedDict()
        if do_version_check:
            self.version_check()

    def version_check(self) -> None:
        """Raise VersionMismatch unless this package and the service understand each other."""
        with translated():
            _ = self.yonder.engine  # made only where they do

    # -- functions and endpoints -----------------------------------------

    def register_function(
        self,
        function: Callable[..., Any],
        function_name: Optional[str] = None,
        container_uuid: Optional[str] = None,
        description: Optional[str] = None,
        public: bool = False,
        group: Optional[str] = None,
        searchable: Optional[bool] = None,
    ) -> str:
        """Register a function; its id.

        The same code under the same name (``function_name``, else its own) keeps its id, and
        changed code is a new version under the same id. ``public`` shares it with everyone,
        ``group`` with an identity of the service, for instance a group's. Raises
        NotImplementedError for a container, SerializationError for a function that cannot
        travel.
        """
        registration.refuse_container(container_uuid)
        shared = registration.sharing(public, group, searchable)
        with translated():
            registered = self.yonder.register_function(
                function, name=function_name, description=description or "", sharing=shared
            )
        return registered.id

    def get_endpoint_status(self, endpoint_uuid: object) -> dict[str, Any]:
        """Whether an endpoint is online, and what it last said about itself.

        ``{"status": "online" or "offline", "details": {...}, "logs": [{"timestamp": ...,
        "info": {...}}]}``: details and info have the same numbers, and logs is empty if the
        endpoint has never been heard of.
        """
        with translated():
            return status.block(self.yonder.endpoint(str(endpoint_uuid)))

    # -- running ---------------------------------------------------------

    def run(self, *args: Any, endpoint_id: object, function_id: object, **kwargs: Any) -> str:
        """Submit one call; the task's id, once the service has it for good."""
        call = Call(str(function_id), str(endpoint_id), args, kwargs)
        return self._submit([call], self.session_task_group_id)[0]

    def create_batch(
        self, task_group_id: Optional[object] = None, create_websocket_queue: bool = False
    ) -> Batch:
        """A Batch to add calls to, in this client's task group unless another is named."""
        group = str(task_group_id or self.session_task_group_id)
        return Batch(group, create_websocket_queue)

    def batch_run(self, batch: Batch) -> list[str]:
        """Submit the calls of a batch; the ids of the tasks, in the order of the calls."""
        if not isinstance(batch, Batch):
            raise TypeError(f"{batch!r} is not a batch: make one with create_batch()")
        if not batch.tasks:
            raise ValueError("the batch is empty: add calls to it first")
        return self._submit(batch.tasks, batch.task_group_id or self.session_task_group_id)

    def map_run(
        self,
        iterator: Iterable[Any],
        *,
        endpoint_id: object,
        function_id: object,
        asynchronous: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        """Submit a call for each item, which is its one positional argument; the tasks' ids.

        All calls get the same keyword arguments. ``asynchronous`` has no effect.
        """
        calls = [Call(str(function_id), str(endpoint_id), (item,), kwargs) for item in iterator]
        return self._submit(calls, self.session_task_group_id)

    def _submit(self, calls: list[Call], group: str) -> list[str]:
        with translated():
            return self._tasks.accepted([self._send(call, group) for call in calls])

    def _send(self, call: Call, group: str) -> yonder.Future[Any]:
        executor = self._executor(call.endpoint_id, group)
        return executor.submit(call.function_id, *call.args, **call.kwargs)

    def _executor(self, endpoint: str, group: str) -> yonder.Executor:
        key = (endpoint, group)
        with self._lock:
            if key not in self._executors:
                self._executors[key] = yonder.Executor(endpoint, self.yonder, group=group)
            self._executors.move_to_end(key)
            while len(self._executors) > EXECUTORS:
                self._executors.popitem(last=False)
            return self._executors[key]

    # -- results ---------------------------------------------------------

    def get_task(self, task_id: object) -> dict[str, Any]:
        """How a task is, without waiting.

        ``{"pending": True, "status": ...}`` with a status of waiting-for-ep, waiting-for-launch
        or running; or ``{"pending": False, "status": "success", "result": ...,
        "completion_t": ...}``; or the same with "failed" and, in the place of the result,
        "exception", a FuncxTaskExecutionFailed.
        """
        with translated():
            return self._tasks.status(str(task_id))

    def get_result(self, task_id: object, timeout: Optional[float] = None) -> Any:
        """The value of a task. Waits for it, where funcX raised TaskPending.

        With ``timeout`` it waits so many seconds at most, and then raises TaskPending: 0 is
        what funcX did. Raises FuncxTaskExecutionFailed, with the function's own exception as
        its cause, if there is no value.
        """
        with translated():
            return self._tasks.result(str(task_id), timeout)

    def get_batch_result(self, task_id_list: list[str]) -> dict[str, dict[str, Any]]:
        """What get_task answers for each of the tasks, by their ids."""
        if not isinstance(task_id_list, list):
            raise TypeError("get_batch_result expects a list of task ids")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(task_id_list, pool.map(self.get_task, task_id_list)))


def _warn(arguments: dict[str, Any]) -> None:
    """Say which arguments have no effect; raise TypeError for those that funcX had not."""
    for name, value in arguments.items():
        if name not in IGNORED:
            raise TypeError(f"FuncXClient has no argument {name!r}")
        if value is not None:
            warnings.warn(f"FuncXClient's argument {name!r} has no effect", stacklevel=3)


def _connect(url: Optional[str], patience: Optional[float]) -> yonder.Client:
    """The client that all share, or one of its own for what is special."""
    if url is None and patience is None:
        return yonder.Client.default()
    return yonder.Client(url) if patience is None else yonder.Client(url, patience=patience)
