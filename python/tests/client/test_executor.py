"""Executor.submit, and what its futures offer."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import traceback
from typing import Any

import pytest

from yonder.client.client import Client
from yonder.client.executor import Executor
from yonder.client.future import Future
from yonder.client.models import Retry
from yonder.errors import (
    CaptureError,
    InvalidArguments,
    InvalidRequest,
    PackError,
    RemoteError,
    RemoteTraceback,
    TaskLost,
    UnpackError,
)

from .fake_faults import Gate, refuse
from .fake_service import FakeService
from .fake_worker import FakeWorker


def double(x: int) -> int:
    return 2 * x


def shout(text: str) -> None:
    print(text.upper())
    raise KeyError(text)


def test_submit(client: Client, worker: FakeWorker) -> None:
    with Executor(client=client) as executor:
        future = executor.submit(double, x=21)
        assert isinstance(future, Future)
        assert future.result(10) == 42
        assert future.done()
        assert not future.running()
        assert not future.cancelled()
        assert future.exception() is None
        assert future.accepted.result(0) is None
        assert not future.cancel()


def test_what_a_future_knows(service: FakeService, client: Client, worker: FakeWorker) -> None:
    with Executor(client=client) as executor:
        future = executor.submit(shout, "hello")
        error = future.exception(10)
    (bundle,) = service.state.await_bundles(1)
    assert future.task_id == bundle.id
    assert future.attempt == 1
    assert (future.stdout, future.stderr) == ("HELLO\n", "")
    timings = future.timings
    assert timings.received is not None
    assert timings.received > 10**15
    assert timings.submitted == 10
    assert (timings.started, timings.finished, timings.accepted) == (30, 40, 50)
    assert error.remote.task_id == bundle.id  # type: ignore[union-attr]
    assert error.remote.stdout == "HELLO\n"  # type: ignore[union-attr]
    assert error.remote.endpoint == executor.endpoint.id  # type: ignore[union-attr]


def test_the_remote_exception_is_raised_with_its_traceback(
    client: Client, worker: FakeWorker
) -> None:
    with Executor(client=client) as executor:
        future = executor.submit(shout, "hello")
        with pytest.raises(KeyError, match="hello") as caught:
            future.result(10)
    cause = caught.value.__cause__
    assert isinstance(cause, RemoteTraceback)
    assert "raise KeyError(text)" in str(cause)
    shown = "".join(traceback.format_exception(KeyError, caught.value, caught.value.__traceback__))
    assert "raise KeyError(text)" in shown
    assert "test_executor.py" in shown


def fail_strangely() -> None:
    strange = type("Strange", (Exception,), {})
    raise strange("very")


def test_an_exception_that_does_not_exist_here(client: Client, worker: FakeWorker) -> None:
    with Executor(client=client) as executor:
        error = executor.submit(fail_strangely).exception(10)
    assert isinstance(error, RemoteError)
    assert error.type == "Strange"
    assert "very" in str(error)
    assert error.attempt == 1
    assert error.task_id


def test_a_task_that_the_platform_lost(service: FakeService, client: Client) -> None:
    with Executor(client=client) as executor:
        future = executor.submit(double, 1)
        (bundle,) = service.state.await_bundles(1)
        reason = b'{"code": "task_lost", "message": "its worker is gone"}'
        service.state.finish(bundle, 0, 1, "failed", reason, attempt=3, stderr="Killed\n")
        with pytest.raises(TaskLost, match="its worker is gone") as caught:
            future.result(10)
    assert (caught.value.attempt, caught.value.stderr) == (3, "Killed\n")


def test_a_result_that_cannot_be_loaded_concerns_its_future_only(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    with Executor(client=client) as executor:
        good = executor.submit(double, 1)
        assert good.result(10) == 2
        service.state.on_bundle = lambda bundle: service.state.finish(bundle, 0, 1, "ok", b"junk")
        bad = executor.submit(double, 2)
        assert isinstance(bad.exception(10), UnpackError)
        service.state.on_bundle = worker.bundles.put
        assert executor.submit(double, 3).result(10) == 6


def test_wait_and_as_completed(client: Client, worker: FakeWorker) -> None:
    with Executor(client=client) as executor:
        futures = [executor.submit(double, i) for i in range(20)]
        found = {future.result() for future in concurrent.futures.as_completed(futures, 10)}
        assert found == {2 * i for i in range(20)}
        done, not_done = concurrent.futures.wait(futures, 10)
        assert len(done) == 20
        assert not not_done


def test_asyncio(client: Client, worker: FakeWorker) -> None:
    async def main() -> list[int]:
        with Executor(client=client) as executor:
            first = executor.submit(double, 1)
            await first.accepted
            wrapped = asyncio.wrap_future(executor.submit(double, 2))
            return [await first, await wrapped, *await asyncio.gather(wrapped)]

    assert asyncio.run(main()) == [2, 4, 4]


def test_callbacks(client: Client, worker: FakeWorker) -> None:
    called: list[Any] = []
    with Executor(client=client) as executor:
        future = executor.submit(double, 1)
        future.add_done_callback(lambda f: called.append(f.result()))
        future.result(10)
        future.add_done_callback(lambda f: called.append(f))
    assert called == [2, future]


def test_a_callback_may_submit(client: Client, worker: FakeWorker) -> None:
    done = threading.Event()
    found: list[int] = []

    def finish(future: concurrent.futures.Future[int]) -> None:
        found.append(future.result())
        done.set()

    with Executor(client=client) as executor:
        first = executor.submit(double, 1)
        first.add_done_callback(
            lambda f: executor.submit(double, f.result()).add_done_callback(finish)
        )
        assert done.wait(10)
    assert found == [4]


def test_a_timeout_says_what_is_waited_for(service: FakeService, client: Client) -> None:
    gate = Gate()
    service.fault("POST", "/v1/bundles", gate)
    executor = Executor(client=client)
    first = executor.submit(double, 1)
    assert gate.entered.wait(10)
    second = executor.submit(double, 2)
    with pytest.raises(concurrent.futures.TimeoutError, match="waits to be sent"):
        second.result(0.01)
    with pytest.raises(TimeoutError, match="is being sent"):
        first.result(0.01)
    assert not first.accepted.wait(0.01)
    gate.open.set()
    assert first.accepted.wait(10)
    with pytest.raises(TimeoutError, match=r"the service has task .* `yonder explain .* says why"):
        first.exception(0.01)


def test_a_functions_own_timeout_is_a_result(client: Client, worker: FakeWorker) -> None:
    def late() -> None:
        raise TimeoutError("the file system is slow")

    with Executor(client=client) as executor, pytest.raises(TimeoutError, match="file system"):
        executor.submit(late).result(10)


def test_a_refused_task(client: Client, worker: FakeWorker) -> None:
    with Executor(client=client) as executor:
        wrong = executor.submit(double, 1, 2)  # type: ignore[call-arg]
        right = executor.submit(double, 1)
        with pytest.raises(InvalidArguments, match="too many"):
            wrong.accepted.result(10)
        with pytest.raises(TypeError, match="too many"):
            wrong.result(10)
        assert not wrong.accepted.is_set()
        assert right.result(10) == 2


def test_what_cannot_travel_is_refused_at_once(service: FakeService, client: Client) -> None:
    with Executor(client=client) as executor:
        with pytest.raises(PackError, match=r"argument 0 \('x'\)"):
            executor.submit(double, threading.Lock())  # type: ignore[arg-type]
        lock = threading.Lock()
        with pytest.raises(CaptureError):
            executor.submit(lambda: lock)
        with pytest.raises(CaptureError):
            executor.submit(lambda: executor.submit(double, 1))
    assert not service.state.bundles


def test_a_registered_function(service: FakeService, client: Client, worker: FakeWorker) -> None:
    function = client.register_function(double, description="twice as much")
    with Executor(client=client) as executor:
        assert executor.submit(function, 4).result(10) == 8
        assert executor.submit(function.id, 5).result(10) == 10
        assert client.run(function, 6, endpoint="lab").result(10) == 12
    assert service.state.count("POST", "/v1/functions") == 1


def test_options_travel(service: FakeService, client: Client, worker: FakeWorker) -> None:
    options: dict[str, Any] = {
        "priority": 3,
        "max_attempts": 1,
        "retry": Retry(max_attempts=9, on=["task_lost"], backoff=2),  # type: ignore[arg-type]
        "walltime": 2.5,
        "label": "night run",
    }
    with Executor("lab", client, give_up_after=60, python="3.12", **options) as executor:
        assert executor.submit(double, 1).accepted.wait(10)
    header = service.state.await_bundles(1)[0].header
    assert header["priority"] == 3
    assert header["retry"] == {"max_attempts": 1, "on": ["task_lost"], "backoff_s": 2}
    assert header["walltime_s"] == 2.5
    assert header["python"] == "3.12"
    assert header["give_up_at"].endswith("Z")
    assert header["shapes"] == [{"positional": 1, "keywords": []}]
    assert (header["tasks"], header["form"], header["codec"]) == (1, "each", "pickle")
    assert service.state.groups[executor.group].label == header["label"] == "night run"


def test_a_token_that_ends(service: FakeService, client: Client) -> None:
    executor = Executor(client=client)
    service.fault("POST", "/v1/bundles", refuse(401, "token_expired", "get a new one"))
    with pytest.raises(Exception, match="get a new one") as caught:
        executor.submit(double, 1).result(10)
    assert (caught.value.code, caught.value.status) == ("token_expired", 401)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("walltime", "10m", "not a number of seconds"),
        ("walltime", -1, "positive number"),
        ("give_up_after", float("inf"), "positive number"),
        ("max_attempts", 0, "at least 1"),
        ("priority", "high", "not a number"),
        ("retry", {"max_attempts": 2}, "yonder.Retry"),
        ("python", "py3", 'like "3.11"'),
        ("fresh", "yes", "neither True nor False"),
    ],
)
def test_options_that_make_no_sense(client: Client, option: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as caught:
        Executor(client=client, **{option: value})
    assert caught.value.field == option


def test_what_is_no_endpoint_at_all(client: Client) -> None:
    with pytest.raises(InvalidRequest, match="endpoint=3: pass its name"):
        Executor(3, client)  # type: ignore[arg-type]


def interrupted(client: Client) -> Future[int]:
    """A call without a worker, in a block that Ctrl-C ends."""
    try:
        with Executor(client=client) as executor:
            future = executor.submit(double, 3)
            future.accepted.result(10)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        with pytest.raises(RuntimeError):
            executor.submit(double, 4)
    return future


def test_an_interrupted_with_block_does_not_wait(client: Client) -> None:
    with pytest.warns(RuntimeWarning, match=r"go on \(1\): .*attach\('[0-9a-f-]{36}'\)"):
        future = interrupted(client)
    assert not future.done()
