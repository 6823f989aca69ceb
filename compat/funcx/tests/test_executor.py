"""FuncXExecutor and its futures."""

from __future__ import annotations

import concurrent.futures
from pathlib import Path

import pytest

import funcx.sdk.executor
from functions import add, divide, hello_world, wait_for
from funcx import FuncXClient, FuncXExecutor
from funcx.errors import FuncxAPIError, FuncxTaskExecutionFailed


def test_submit(fxc: FuncXClient, endpoint: str) -> None:
    assert FuncXExecutor is funcx.sdk.executor.FuncXExecutor
    with FuncXExecutor(endpoint_id=endpoint) as fxe:
        future = fxe.submit(add, 1, b=2)
        assert isinstance(future, concurrent.futures.Future)
        assert future.result(60) == 3
        assert fxc.get_result(future.task_id) == 3
        futures = [fxe.submit(add, i) for i in range(20)]
        done = concurrent.futures.as_completed(futures, 60)
        assert sorted(one.result() for one in done) == list(range(20))
    with pytest.raises(RuntimeError, match="after shutdown"):
        fxe.submit(add, 1)


def test_the_endpoint_can_be_said_later(fxc: FuncXClient, endpoint: str) -> None:
    with FuncXExecutor(fxc) as fxe:
        with pytest.raises(ValueError, match="endpoint_id"):
            fxe.submit(hello_world)
        assert fxe.submit(hello_world, endpoint_id=endpoint).result(60) == "Hello World!"
        fxe.endpoint_id = endpoint
        assert fxe.submit(hello_world).result(60) == "Hello World!"
        fxe.endpoint_id = "4b116d3c-1703-4f8f-9f6f-39921e5864df"
        with pytest.raises(FuncxAPIError):
            fxe.submit(hello_world)


def test_a_function_that_raises(fxc: FuncXClient, endpoint: str) -> None:
    with FuncXExecutor(endpoint, funcx_client=fxc) as fxe:
        future = fxe.submit(divide, 1, 0)
        with pytest.raises(FuncxTaskExecutionFailed, match="division by zero") as error:
            future.result(60)
        assert isinstance(error.value.__cause__, ZeroDivisionError)
        assert future.exception() is error.value


def test_registered_functions(fxc: FuncXClient, endpoint: str) -> None:
    with FuncXExecutor(endpoint, funcx_client=fxc) as fxe:
        function = fxe.register_function(add, function_name="added", description="adds")
        assert fxc.yonder.function(function).name == "added"
        assert fxe.submit(add, 2).result(60) == 2
        future = fxe.submit_to_registered_function(function, args=(1,), kwargs={"scale": 5})
        assert future.result(60) == 5
        with pytest.raises(ValueError, match=function):
            fxe.register_function(add)
        assert fxe.register_function(hello_world, function_id=function) == function
        assert fxe.submit(hello_world, 7).result(60) == 7


def test_map(fxc: FuncXClient, endpoint: str) -> None:
    with FuncXExecutor(endpoint, funcx_client=fxc) as fxe:
        assert list(fxe.map(add, range(5), range(5), timeout=60)) == [0, 2, 4, 6, 8]


def test_cancel(fxc: FuncXClient, endpoint: str, tmp_path: Path) -> None:
    with FuncXExecutor(endpoint, funcx_client=fxc) as fxe:
        future = fxe.submit(wait_for, str(tmp_path / "never"))
        assert future.cancel()
        assert future.cancelled()
        with pytest.raises(concurrent.futures.CancelledError):
            future.result()


def test_shutdown_cancels(fxc: FuncXClient, endpoint: str, tmp_path: Path) -> None:
    fxe = FuncXExecutor(endpoint, funcx_client=fxc)
    futures = [fxe.submit(wait_for, str(tmp_path / "never")) for _ in range(3)]
    fxe.shutdown(cancel_futures=True)
    assert all(future.cancelled() for future in futures)


def test_reload_tasks(fxc: FuncXClient, endpoint: str, tmp_path: Path) -> None:
    file = tmp_path / "word"
    first = FuncXExecutor(endpoint, funcx_client=fxc, label="first")
    before = [first.submit(add, 1), first.submit(wait_for, str(file))]
    assert before[0].result(60) == 1
    with FuncXExecutor(endpoint, task_group_id=first.task_group_id) as second:
        again = second.reload_tasks()
        assert [future.task_id for future in again] == [future.task_id for future in before]
        assert again[0].result(60) == 1
        anew = second.reload_tasks()
        assert again[1].cancelled(), "its futures of before are cancelled"
        file.write_text("there")
        assert anew[1].result(60) == "there", "their tasks are not"
    with FuncXExecutor(endpoint) as third:
        third.task_group_id = first.task_group_id
        assert [future.result(60) for future in third.reload_tasks()] == [1, "there"]


def test_what_has_no_meaning_here(fxc: FuncXClient, endpoint: str) -> None:
    with pytest.warns(UserWarning, match="'batch_enabled'"):
        FuncXExecutor(endpoint, funcx_client=fxc, batch_enabled=True)
    with pytest.raises(TypeError, match="'colour'"):
        FuncXExecutor(endpoint, funcx_client=fxc, colour="red")
    with pytest.raises(NotImplementedError, match="container"):
        FuncXExecutor(endpoint, container_id="3861862b-152e-49a4-b15e-9a5da4205cad")
