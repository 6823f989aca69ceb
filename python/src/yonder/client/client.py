"""The client: one service, one identity, one stream of results."""

from __future__ import annotations

import atexit
import dataclasses
import logging
import os
import threading
import time
import weakref
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Optional, TypeVar, Union

from yonder.capture import capture
from yonder.client import config, endpoints, forking, functions, ids, outcomes
from yonder.client.border import bordered
from yonder.client.future import Future, ResultTimeout
from yonder.client.groups import Group
from yonder.client.http import PATIENCE_S, Transport, with_query
from yonder.client.models import Endpoint, Function, Requirements, Retry, Sharing
from yonder.client.options import named
from yonder.client.rest import PAGE, Rest
from yonder.client.sender import QUEUE_BYTES, QUEUE_TASKS
from yonder.client.shell import ShellFunction
from yonder.errors import InvalidRequest, NotFound, UnsupportedWire
from yonder.wire import OLDEST, VERSION

if TYPE_CHECKING:
    from yonder.client.engine import Engine
    from yonder.client.executor import Executor

log = logging.getLogger("yonder.client")

T = TypeVar("T")

# How long the interpreter's end waits for tasks to be accepted.
EXIT_S = 30.0
# How long one request waits for a result.
WAIT_S = 30.0


@bordered
class Client(Rest):
    """Speaks to a service. Safe for any number of threads, and after a fork.

    What is not given comes from YONDER_URL, YONDER_TOKEN (or YONDER_TOKEN_FILE) and
    YONDER_CA_FILE, else from the login file. ``patience`` is for how many seconds
    requests are repeated while the service cannot be reached; submitting waits while
    ``queue_tasks`` or ``queue_bytes`` are waiting to be sent.

    Raises InvalidConfig or Unauthenticated, which say what is missing.
    """

    __yonder_stays_here__ = True

    _shared: Optional[Client] = None

    @named("Client()")
    def __init__(
        self,
        url: Optional[str] = None,
        token: Optional[str] = None,
        *,
        ca_file: Optional[str] = None,
        patience: float = PATIENCE_S,
        queue_tasks: int = QUEUE_TASKS,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        self.settings = config.load(url, token, ca_file)
        self._patience = patience
        self._queue = (queue_tasks, queue_bytes)
        self._closed = False
        self.after_fork()
        _clients.add(self)
        forking.watch(self)

    @classmethod
    def default(cls) -> Client:
        """The client that executors share which were not given one."""
        with _default_lock:
            if Client._shared is None or Client._shared._closed:
                Client._shared = Client()
            return Client._shared

    def after_fork(self) -> None:
        """Start anew: connections and threads belong to the process that made them."""
        self.transport = Transport(self.settings, self._patience)
        self._lock = threading.RLock()
        self._engine: Optional[Engine] = None
        self._executors: dict[Optional[str], Executor] = {}
        self._named: dict[str, Function] = {}

    @property
    def engine(self) -> Engine:
        """What moves tasks and results; made when it is first needed."""
        if self._engine is None:
            with self._lock:
                if self._engine is None:
                    self._engine = self._make_engine()
        return self._engine

    def _make_engine(self) -> Engine:
        from yonder.client.engine import Engine

        if self._closed:
            raise RuntimeError("cannot schedule new futures: the client is closed")
        info = self.version()
        if info.wire_oldest > VERSION or info.wire_newest < OLDEST:
            raise UnsupportedWire(
                f"the service speaks wire versions {info.wire_oldest} to {info.wire_newest}, this "
                f"package {OLDEST} to {VERSION}: upgrade the older one"
            )
        return Engine(self.transport, info.limits, *self._queue)

    # -- functions and endpoints -----------------------------------------

    def register_function(
        self,
        fn: Callable[..., Any],
        *,
        name: Optional[str] = None,
        description: str = "",
        requirements: Optional[Requirements] = None,
        sharing: Optional[Sharing] = None,
        retry: Optional[Retry] = None,
        memo: Optional[str] = None,
    ) -> Function:
        """Register a function. The same code under the same name is the same version.

        ``retry`` holds for all tasks of it that do not say otherwise. With a ``memo``
        it is run once for the same arguments: equal calls are answered with the kept
        result, of the same caller ("private") or of any ("shared"). That is only for
        functions whose results depend on nothing but their arguments.

        Raises CaptureError if it cannot travel.
        """
        shared = dataclasses.asdict(sharing) if sharing else None
        if isinstance(fn, ShellFunction):
            return functions.register_shell(
                self.transport, fn, name, description, shared, retry, memo=memo
            )
        return functions.register(
            self.transport, capture(fn), name, description, requirements, shared, retry, memo=memo
        )

    def function_named(self, name: str) -> Function:
        """A function by its name, in its newest version; your own goes before others'.

        Raises NotFound, or InvalidRequest, which lists the choices.
        """
        known = self._named.get(name)
        if known is None:
            found = self.functions(name=name)
            known = functions.by_name(name, found, self.whoami().identity.id)
            self._named[name] = dataclasses.replace(known, version=0)
        return self._named[name]

    def endpoint(self, endpoint: str) -> Endpoint:
        """An endpoint by its id or name; your own goes before others' of the same name."""
        if not isinstance(endpoint, str):
            raise InvalidRequest(
                f"endpoint={endpoint!r}: pass its name, its id, or a yonder.Endpoint",
                field="endpoint",
            )
        if ids.is_id(endpoint):
            return Endpoint.from_json(
                self.transport.json("GET", f"/v1/endpoints/{endpoint.lower()}")
            )
        return endpoints.by_name(endpoint, self.endpoints(limit=0), self.whoami().identity.id)

    def choose_endpoint(self, endpoint: Union[str, Endpoint, None]) -> Endpoint:
        """The endpoint meant: for None YONDER_ENDPOINT, else the only online one that you own."""
        if isinstance(endpoint, Endpoint):
            return endpoint
        if endpoint is None:
            endpoint = os.environ.get("YONDER_ENDPOINT") or None
        if endpoint is not None:
            return self.endpoint(endpoint)
        return endpoints.only_one(self.endpoints(limit=0), self.whoami().identity.id)

    # -- groups and results ----------------------------------------------

    def groups(self, limit: int = PAGE) -> list[Group]:
        """Your task groups, newest first."""
        found = self._list(Group, "/v1/groups", limit)
        return [dataclasses.replace(group, client=self) for group in found]

    def group(self, group: str) -> Group:
        """A task group by its id."""
        return self._group(self.transport.json("GET", f"/v1/groups/{ids.check_id(group)}"))

    def create_group(self, label: str = "", group: Optional[str] = None) -> Group:
        """Make a task group, under an id of yours if you give one."""
        body = {"id": ids.check_id(group) if group else ids.new_id(), "label": label}
        return self._group(self.transport.json("POST", "/v1/groups", body))

    def _group(self, value: dict[str, Any]) -> Group:
        return dataclasses.replace(Group.from_json(value), client=self)

    def states(self, tasks: Iterable[Union[Future[Any], str]]) -> dict[str, str]:
        """The states of many tasks at once, by their ids: futures, or ids.

        Futures of one group cost a request for each thousand tasks that the group got
        since the oldest of them; what is done costs nothing. Futures that are not sent
        yet are left out. An id alone costs a request.
        """
        found: dict[str, str] = {}
        asked: dict[str, set[str]] = {}
        for task in tasks:
            if isinstance(task, str):
                found[task] = self.task(task).state
            elif task.task_id is not None:
                if task.done():
                    found[task.task_id] = task.state
                else:
                    asked.setdefault(task.group, set()).add(task.task_id)
        for group, wanted in asked.items():
            for known in self._tasks(group):
                if known.id in wanted:
                    found[known.id] = known.state
                    wanted.discard(known.id)
                if not wanted:
                    break
        return found

    def result(self, task: str, timeout: Optional[float] = None) -> Any:
        """A task's value, or its exception raised, for a task from anywhere.

        Waits ``timeout`` seconds at most; ResultTimeout says what the task is doing.
        """
        task = ids.check_id(task)
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = WAIT_S if end is None else max(0.0, min(WAIT_S, end - time.monotonic()))
            try:
                return self._result(task, left)
            except NotFound as error:
                self.task(task)  # raises if there is no such task
                if end is not None and time.monotonic() >= end:
                    raise ResultTimeout(f"no result within {timeout} s: {error}") from None

    def _result(self, task: str, wait: float) -> Any:
        path = with_query(f"/v1/tasks/{task}/result", {"wait": f"{wait:.3f}s"})
        return outcomes.of_json(self.transport.json("GET", path, wait=wait), self.engine.fetch)

    def run(
        self,
        fn: Union[Callable[..., T], Function, str],
        *args: Any,
        endpoint: Union[str, Endpoint, None] = None,
        **kwargs: Any,
    ) -> Future[T]:
        """Run one call on an endpoint; see Executor, of which there is one for each endpoint."""
        return self._executor(endpoint).submit(fn, *args, **kwargs)

    def _executor(self, endpoint: Union[str, Endpoint, None]) -> Executor:
        from yonder.client.executor import Executor

        key = endpoint.id if isinstance(endpoint, Endpoint) else endpoint
        with self._lock:
            if key not in self._executors:
                self._executors[key] = Executor(endpoint, self)
            return self._executors[key]

    # -- the end ---------------------------------------------------------

    def close(self, timeout: float = EXIT_S) -> bool:
        """Send what waits to be sent, for ``timeout`` seconds at most, and disconnect.

        False if something was not accepted. Futures without a result stay so: attach
        to their group with another client.
        """
        with self._lock:
            self._closed = True
            engine = self._engine
        if engine is None:
            self.transport.close()
            return True
        return engine.close(timeout)

    def __repr__(self) -> str:
        return f"<Client: {self.settings.url}>"

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()


_clients: weakref.WeakSet[Client] = weakref.WeakSet()
_default_lock = threading.Lock()


@atexit.register
def _close_all() -> None:
    """At the end of the interpreter: what was submitted is to be accepted."""
    for client in list(_clients):
        if not client._closed and not client.close():
            log.warning("the service did not accept all tasks before the program ended")
