"""Nothing that goes wrong in a call holds up the rest: CPython's test_deadlock.py.

See test_cpython_executor.py.
"""

from __future__ import annotations

import concurrent.futures as futures
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from site_up import Gate
from yonder.client.client import Client
from yonder.client.executor import Executor
from yonder.errors import PackError, WorkerFailed

Gates = Callable[[], Gate]


def fail(x: int) -> None:
    raise RuntimeError(x)


class ErrorAtPickle:
    """An object that cannot be packed."""

    def __reduce__(self) -> Any:
        raise PicklingFailed("Error in pickle")


class PicklingFailed(Exception):
    pass


class CrashAtPickle:
    def __reduce__(self) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


class ExitAtPickle:
    def __reduce__(self) -> Any:
        os._exit(1)


def make(kind: type) -> Any:
    return kind()


def unpack_badly() -> None:
    raise PicklingFailed("in unpickle")


class ErrorAtUnpickle:
    def __reduce__(self) -> Any:
        return unpack_badly, ()


class ExitAtUnpickle:
    def __reduce__(self) -> Any:
        return os._exit, (1,)


def goes_on(executor: Executor) -> None:
    assert executor.submit(pow, 2, 8).result() == 256


def test_error_at_task_pickle(executor: Executor) -> None:
    """Said by submit itself, naming the argument."""
    with pytest.raises(PackError, match="Error in pickle"):
        executor.submit(id, ErrorAtPickle())
    goes_on(executor)


def test_error_at_task_unpickle(executor: Executor) -> None:
    with pytest.raises(Exception, match="in unpickle"):
        executor.submit(id, ErrorAtUnpickle()).result()
    goes_on(executor)


def test_exit_at_task_unpickle(executor: Executor) -> None:
    with pytest.raises(WorkerFailed):
        executor.submit(id, ExitAtUnpickle()).result()
    goes_on(executor)


def test_exit_during_func_exec_on_worker(executor: Executor) -> None:
    with pytest.raises(WorkerFailed):
        executor.submit(os._exit, 1).result()
    goes_on(executor)


def test_error_during_func_exec_on_worker(executor: Executor) -> None:
    with pytest.raises(RuntimeError):
        executor.submit(fail, 1).result()
    goes_on(executor)


def test_error_during_result_pickle_on_worker(executor: Executor) -> None:
    with pytest.raises(PackError, match="Error in pickle"):
        executor.submit(make, ErrorAtPickle).result()
    goes_on(executor)


@pytest.mark.parametrize("kind", [CrashAtPickle, ExitAtPickle])
def test_exit_during_result_pickle_on_worker(executor: Executor, kind: type) -> None:
    with pytest.raises(WorkerFailed):
        executor.submit(make, kind).result()
    goes_on(executor)


def test_error_during_result_unpickle_in_result_handler(executor: Executor) -> None:
    with pytest.raises(Exception, match="in unpickle"):
        executor.submit(make, ErrorAtUnpickle).result()
    goes_on(executor)


def test_shutdown_deadlock(remote: Client) -> None:
    """A worker that dies while shutdown waits."""
    one = Executor("local", remote)
    future = one.submit(os._exit, 1)
    one.shutdown(wait=True)
    with pytest.raises(WorkerFailed):
        future.result(0)


def test_crash_big_data(executor: Executor) -> None:
    data = "a" * (2 << 20)
    for future in executor.submit(os._exit, 1), executor.submit(len, data):
        futures.wait([future])
    assert executor.submit(len, data).result() == len(data)


class ToldWhenGone:
    """On the worker, says so when it is collected."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.there = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, there=True)

    def __del__(self) -> None:
        if self.there:
            open(self.path, "w").close()


def test_ressources_gced_in_workers(executor: Executor, tmp_path: Path) -> None:
    """A worker lets go of a call's arguments without waiting for another call."""
    executor.submit(id, ToldWhenGone(str(tmp_path / "gone"))).result()
    assert (tmp_path / "gone").exists()
