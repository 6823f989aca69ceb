"""FuncXClient, method by method."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path

import pytest
import yonder

from functions import add, divide, hello_world, wait_for
from funcx import FuncxAPIError, FuncXClient
from funcx.errors import (
    FuncxError,
    FuncxTaskExecutionFailed,
    FuncXUnreachable,
    SerializationError,
    TaskPending,
)


def test_run_and_get_result(fxc: FuncXClient, endpoint: str) -> None:
    function = fxc.register_function(add)
    task = fxc.run(1, b=2, scale=10, endpoint_id=endpoint, function_id=function)
    assert uuid.UUID(task)
    assert fxc.get_result(task) == 30
    assert fxc.get_result(uuid.UUID(task)) == 30, "a result stays"
    ids = {"endpoint_id": uuid.UUID(endpoint), "function_id": uuid.UUID(function)}
    assert fxc.get_result(fxc.run(1, **ids)) == 1
    with pytest.raises(TypeError, match="function_id"):
        fxc.run(1, endpoint_id=endpoint)  # type: ignore[call-arg]


def test_get_result_waits(fxc: FuncXClient, endpoint: str, tmp_path: Path) -> None:
    file = tmp_path / "word"
    function = fxc.register_function(wait_for)
    task = fxc.run(str(file), endpoint_id=endpoint, function_id=function)
    with pytest.raises(TaskPending) as error:
        fxc.get_result(task, timeout=0)
    assert task in error.value.reason
    elsewhere = FuncXClient()
    with pytest.raises(TaskPending):
        elsewhere.get_result(task, timeout=0)
    block = fxc.get_task(task)
    assert block["pending"] is True
    assert block["status"] in ("waiting-for-ep", "waiting-for-launch", "running")
    assert block.keys() == {"pending", "status"}
    file.write_text("now")
    assert fxc.get_result(task) == "now"
    assert elsewhere.get_result(task, timeout=10) == "now"


def test_get_task(fxc: FuncXClient, endpoint: str) -> None:
    function = fxc.register_function(add)
    task = fxc.run(1, 2, endpoint_id=endpoint, function_id=function)
    fxc.get_result(task)
    for client in (fxc, FuncXClient()):
        block = client.get_task(task)
        assert float(block.pop("completion_t")) > 1.6e9
        assert block == {"pending": False, "status": "success", "result": 3}


def test_a_function_that_raises(fxc: FuncXClient, endpoint: str) -> None:
    function = fxc.register_function(divide)
    task = fxc.run(1, 0, endpoint_id=endpoint, function_id=function)
    for client in (fxc, FuncXClient()):
        with pytest.raises(FuncxTaskExecutionFailed, match="in divide") as error:
            client.get_result(task)
        assert isinstance(error.value.__cause__, ZeroDivisionError)
        block = client.get_task(task)
        assert (block["pending"], block["status"]) == (False, "failed")
        assert "ZeroDivisionError" in block["exception"].remote_data
        assert block["exception"].completion_t == block["completion_t"]
        with pytest.raises(ZeroDivisionError):
            block["exception"].reraise()


def test_get_batch_result(fxc: FuncXClient, endpoint: str) -> None:
    function = fxc.register_function(divide)
    ids = {"endpoint_id": endpoint, "function_id": function}
    tasks = [fxc.run(6, b, **ids) for b in (1, 0, 2)]
    for task in (tasks[0], tasks[2]):
        fxc.get_result(task)
    with pytest.raises(FuncxTaskExecutionFailed):
        fxc.get_result(tasks[1])
    for client in (fxc, FuncXClient()):
        found = client.get_batch_result(tasks)
        assert list(found) == tasks
        assert [found[task]["status"] for task in tasks] == ["success", "failed", "success"]
        assert [found[task].get("result") for task in tasks] == [6, None, 3]
        assert isinstance(found[tasks[1]]["exception"], FuncxTaskExecutionFailed)
    assert fxc.get_batch_result([]) == {}
    with pytest.raises(TypeError, match="list"):
        fxc.get_batch_result("x")  # type: ignore[arg-type]


def test_create_batch_and_batch_run(fxc: FuncXClient, endpoint: str) -> None:
    function = fxc.register_function(add)
    batch = fxc.create_batch()
    assert batch.task_group_id == fxc.session_task_group_id
    for i in range(3):
        batch.add(i, scale=2, endpoint_id=endpoint, function_id=function)
    batch.add(function, endpoint, args=(1, 2), kwargs={"scale": 3})
    tasks = fxc.batch_run(batch)
    assert [fxc.get_result(task) for task in tasks] == [0, 2, 4, 9]
    assert fxc.yonder.group(fxc.session_task_group_id).tasks == 4
    with pytest.raises(ValueError, match="empty"):
        fxc.batch_run(fxc.create_batch())
    with pytest.raises(TypeError, match="create_batch"):
        fxc.batch_run([])  # type: ignore[arg-type]


def test_a_batch_in_another_group(fxc: FuncXClient, endpoint: str) -> None:
    group = str(uuid.uuid4())
    batch = fxc.create_batch(task_group_id=group)
    batch.add(1, endpoint_id=endpoint, function_id=fxc.register_function(add))
    (task,) = fxc.batch_run(batch)
    assert fxc.yonder.task(task).group == group
    assert fxc.get_result(task) == 1


def test_map_run(fxc: FuncXClient, endpoint: str) -> None:
    function = fxc.register_function(add)
    tasks = fxc.map_run(iter(range(5)), endpoint_id=endpoint, function_id=function, scale=2)
    assert [fxc.get_result(task) for task in tasks] == [0, 2, 4, 6, 8]


def test_get_endpoint_status(fxc: FuncXClient, endpoint: str) -> None:
    fxc.get_result(fxc.run(endpoint_id=endpoint, function_id=fxc.register_function(hello_world)))
    found = fxc.get_endpoint_status(endpoint)
    assert found["status"] == "online"
    assert found["details"] == found["logs"][0]["info"]
    assert found["details"].keys() >= {"managers", "total_workers", "idle_workers"}
    with pytest.raises(FuncxAPIError) as error:
        fxc.get_endpoint_status("4b116d3c-1703-4f8f-9f6f-39921e5864df")
    assert (error.value.http_status, error.value.code) == (404, "not_found")
    assert isinstance(error.value, FuncxError)


def test_register_function(fxc: FuncXClient) -> None:
    function = fxc.register_function(
        add, function_name="sum of two", description="adds", public=True, searchable=True
    )
    known = fxc.yonder.function(function)
    assert (known.name, known.description) == ("sum of two", "adds")
    assert known.sharing.everyone
    assert fxc.register_function(add, function_name="sum of two") == function
    private = fxc.yonder.function(fxc.register_function(add))
    assert private.name == "add"
    assert not private.sharing.everyone
    assert not private.sharing.identities


def test_register_function_for_a_group(fxc: FuncXClient) -> None:
    somebody = fxc.yonder.whoami().identity.id
    shared = fxc.register_function(add, function_name="for a group", group=somebody)
    assert fxc.yonder.function(shared).sharing.identities == [somebody]
    with pytest.warns(UserWarning, match="searchable"):
        fxc.register_function(add, function_name="hidden", group=somebody, searchable=False)


def test_register_function_refuses_what_it_cannot_do(fxc: FuncXClient) -> None:
    with pytest.raises(NotImplementedError, match="funcx-endpoint configure"):
        fxc.register_function(add, container_uuid="3861862b-152e-49a4-b15e-9a5da4205cad")
    lock = threading.Lock()

    def holds() -> bool:
        return bool(lock.acquire())

    with pytest.raises(SerializationError, match="lock"):
        fxc.register_function(holds)


def test_an_argument_that_cannot_travel(fxc: FuncXClient, endpoint: str) -> None:
    function = fxc.register_function(add)
    with open(__file__) as file, pytest.raises(SerializationError, match="argument 0"):
        fxc.run(file, endpoint_id=endpoint, function_id=function)


def test_two_endpoints_in_one_session(
    fxc: FuncXClient, endpoint: str, second_endpoint: str
) -> None:
    """Both are in the session's group, and neither loses results of the other."""
    function = fxc.register_function(add)
    batch = fxc.create_batch()
    for i in range(20):
        batch.add(i, endpoint_id=(endpoint, second_endpoint)[i % 2], function_id=function)
    tasks = fxc.batch_run(batch)
    assert [fxc.get_result(task, timeout=60) for task in tasks] == list(range(20))
    assert {fxc.yonder.task(task).endpoint for task in tasks} == {endpoint, second_endpoint}


@pytest.mark.usefixtures("logged_in")
def test_what_has_no_meaning_here() -> None:
    with pytest.warns(UserWarning, match="'funcx_home'"):
        FuncXClient(funcx_home="~/.funcx")
    with pytest.raises(TypeError, match="'colour'"):
        FuncXClient(colour="red")
    with pytest.raises(NotImplementedError, match="FuncXExecutor"):
        FuncXClient(asynchronous=True)


def test_another_service(fxc: FuncXClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YONDER_TOKEN", "none")
    with pytest.raises(FuncXUnreachable, match="127.0.0.1:9"):
        FuncXClient(http_timeout=0.1, funcx_service_address="http://127.0.0.1:9")
    again = FuncXClient(funcx_service_address=fxc.funcx_service_address)
    with pytest.raises(FuncxAPIError) as error:
        again.register_function(add)
    assert error.value.http_status == 401
    again.yonder.close()


def test_a_client_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("YONDER_HOME", str(tmp_path))
    with pytest.raises(yonder.YonderError, match="yonder login"):
        FuncXClient(http_timeout=1)
