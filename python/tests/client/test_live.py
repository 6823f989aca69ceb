"""Following a task: events over broken connections, logs, progress, values in order."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from yonder import codec
from yonder.client.client import Client
from yonder.client.executor import Executor
from yonder.client.future import Future
from yonder.client.live import Progress, StreamRestarted
from yonder.errors import InvalidRequest, NotFound, RemoteError

from .fake_faults import refuse
from .fake_service import FakeService

END = {"event": "end", "attempt": 1, "state": "succeeded"}


def numbers(n: int) -> Iterator[int]:
    yield from range(n)


def output(text: str, **more: Any) -> dict[str, Any]:
    return {"event": "output", "attempt": 1, "stream": "stdout", "text": text, **more}


def value(index: int, attempt: int = 1, data: Any = None) -> dict[str, Any]:
    payload = codec.pack_value(index if data is None else data)
    return {
        "event": "value", "attempt": attempt, "stream": "value", "index": index,
        "payload": base64.b64encode(payload).decode(),
    }  # fmt: skip


def progress(done: float) -> dict[str, Any]:
    at = "2026-02-03T04:05:06.789Z"
    told = {"done": done, "total": 4, "message": "größer", "calls": 2, "at": at}
    return {"event": "progress", "attempt": 1, "progress": told}


@pytest.fixture
def future(service: FakeService, client: Client) -> Iterator[Future[Any]]:
    with Executor(client=client) as executor:
        one = executor.submit(numbers, 5)
        one.accepted.result(10)
        yield one
        if not one.done():
            finish(service, one, [])


def finish(service: FakeService, future: Future[Any], values: list[Any], attempt: int = 1) -> None:
    assert future.task_id
    bundle = service.state.bundles[future.task_id[:-4] + "0000"]
    payload = codec.join_stream([codec.pack_value(v) for v in values], "pickle")
    service.state.finish(bundle, 0, 1, "ok", payload, attempt=attempt)
    future.exception(10)


def test_output_over_broken_connections(service: FakeService, future: Future[Any]) -> None:
    skipped = {"event": "skipped", "attempt": 1, "stream": "output", "skipped": 7}
    service.state.logs.extend([[output("one "), output("two\n")], [], [skipped, output("x"), END]])
    pieces = list(future.logs(follow=True))
    assert "".join(map(str, pieces)) == "one two\n\n… 7 bytes skipped\nx"
    assert [p.skipped for p in pieces] == [0, 0, 7, 0]
    assert [asked.get("from") for asked in service.state.asked] == [None, "1.2.0", "1.2.0"]
    assert {asked["only"] for asked in service.state.asked} == {"output"}


def test_the_output_of_the_moment(service: FakeService, future: Future[Any]) -> None:
    service.state.logs.append([output("a", stored=True), END])
    (piece,) = future.logs()
    assert (piece.text, piece.stream, piece.stored) == ("a", "stdout", True)


def test_the_output_of_an_attempt_that_was_lost(service: FakeService, future: Future[Any]) -> None:
    service.state.logs.append([output("a", stored=True), END])
    assert [p.text for p in future.logs(attempt=1)] == ["a"]
    assert service.state.asked[0]["attempt"] == "1"
    with pytest.raises(InvalidRequest, match="only the attempt at hand can be followed"):
        future.logs(follow=True, attempt=1)


def test_async_iteration(service: FakeService, future: Future[Any]) -> None:
    service.state.logs.append([output("a"), output("b"), END])

    async def read() -> list[str]:
        return [piece.text async for piece in future.logs(follow=True)]

    assert asyncio.run(read()) == ["a", "b"]


def test_following_can_be_closed(service: FakeService, future: Future[Any]) -> None:
    done = threading.Event()
    service.state.logs.append([output("a"), done.wait])
    with future.logs(follow=True) as pieces:
        assert next(pieces).text == "a"
    done.set()
    assert list(pieces) == []


def test_refusals_are_raised(service: FakeService, future: Future[Any], client: Client) -> None:
    path = f"/v1/tasks/{future.task_id}/logs"
    service.fault("GET", path, refuse(404, "not_found"), refuse(404, "not_found"))
    with pytest.raises(NotFound):
        list(future.logs(follow=True))
    with pytest.raises(NotFound):
        future.progress()


def test_progress(service: FakeService, future: Future[Any], client: Client) -> None:
    service.state.logs.extend([[progress(3)], [END]])
    found = client.progress(str(future.task_id))
    assert found is not None
    assert found.at is not None
    assert (found.done, found.total, found.message, found.at.year) == (3, 4, "größer", 2026)
    assert future.progress() is None


def test_progress_calls_back(service: FakeService, future: Future[Any]) -> None:
    service.state.logs.append([progress(1), output("not asked for"), progress(2), END])
    heard: list[Progress] = []
    both = threading.Event()
    future.on_progress(lambda p: (heard.append(p), len(heard) == 2 and both.set()))
    assert both.wait(10)
    assert [p.done for p in heard] == [1, 2]


def test_values_come_live(service: FakeService, future: Future[Any]) -> None:
    read: list[int] = []
    one_was_read = threading.Event()
    service.state.logs.append([value(0), one_was_read.wait, value(1), END])
    for found in future.stream():
        read.append(found)
        one_was_read.set()
        if len(read) == 2:
            finish(service, future, [0, 1, 2])
    assert read == [0, 1, 2]


@pytest.mark.parametrize(
    "gap",
    [
        [value(2), value(3), END],
        [{"event": "skipped", "attempt": 1, "stream": "value", "skipped": 2}, value(2), END],
        [END],
    ],
)
def test_what_is_missing_comes_from_the_result(
    service: FakeService, future: Future[Any], gap: list[Any]
) -> None:
    service.state.logs.append([value(0, data="live"), *gap])
    values = iter(future.stream())
    assert next(values) == "live"
    finish(service, future, ["live", 1, 2, 3])
    assert list(values) == [1, 2, 3]


def test_another_attempt_is_not_mixed_in(service: FakeService, future: Future[Any]) -> None:
    service.state.logs.append([value(0), value(0, attempt=2), END])
    values = iter(future.stream())
    assert next(values) == 0
    with pytest.raises(StreamRestarted, match="attempt 1 was lost after 1 values"):
        next(values)


def test_another_attempt_may_begin_again(service: FakeService, future: Future[Any]) -> None:
    service.state.logs.append([value(0), value(0, attempt=2), value(1, attempt=2), END])
    values = iter(future.stream(restart=True))
    assert [next(values) for _ in range(3)] == [0, 0, 1]
    finish(service, future, [0, 1, 2], attempt=2)
    assert list(values) == [2]


def test_a_result_of_another_attempt(service: FakeService, future: Future[Any]) -> None:
    service.state.logs.append([value(0), END])
    values = iter(future.stream())
    assert next(values) == 0
    finish(service, future, [5], attempt=2)
    with pytest.raises(StreamRestarted):
        next(values)


def test_functions_that_yield_nothing(service: FakeService, future: Future[Any]) -> None:
    service.state.logs.append([END])
    assert future.task_id
    bundle = service.state.bundles[future.task_id[:-4] + "0000"]
    service.state.finish(bundle, 0, 1, "ok", codec.pack_value(5))
    with pytest.raises(TypeError, match="returned int and yielded nothing"):
        list(future.stream())


def test_the_functions_exception_ends_the_stream(service: FakeService, future: Future[Any]) -> None:
    service.state.logs.append([value(0), END])
    values = iter(future.stream())
    assert next(values) == 0
    assert future.task_id
    bundle = service.state.bundles[future.task_id[:-4] + "0000"]
    error = codec.pack_error(ZeroDivisionError("no"))
    service.state.finish(bundle, 0, 1, "exception", error)
    with pytest.raises((ZeroDivisionError, RemoteError)):
        next(values)


def test_what_was_yielded_before_an_exception_is_not_lost(
    service: FakeService, future: Future[Any]
) -> None:
    assert future.task_id
    bundle = service.state.bundles[future.task_id[:-4] + "0000"]
    service.state.finish(bundle, 0, 1, "exception", codec.pack_error(ZeroDivisionError("no")))
    service.state.logs.append([value(0), value(1), value(2), END])
    assert isinstance(future.exception(10), (ZeroDivisionError, RemoteError))
    values = iter(future.stream())
    assert [next(values) for _ in range(3)] == [0, 1, 2]
    with pytest.raises((ZeroDivisionError, RemoteError)):
        next(values)


def finish_raising(service: FakeService, future: Future[Any], attempt: int = 1) -> None:
    assert future.task_id
    bundle = service.state.bundles[future.task_id[:-4] + "0000"]
    values = [codec.pack_value(n) for n in range(3)]
    error = codec.pack_error(ZeroDivisionError("no"), values)
    service.state.finish(bundle, 0, 1, "exception", error, attempt=attempt)


def test_what_was_yielded_before_an_exception_comes_with_it(
    service: FakeService, future: Future[Any]
) -> None:
    finish_raising(service, future)
    service.state.logs.append([END])
    values = iter(future.stream())
    assert [next(values) for _ in range(3)] == [0, 1, 2]
    with pytest.raises((ZeroDivisionError, RemoteError)):
        next(values)


def test_an_exception_of_another_attempt_brings_no_values_of_it(
    service: FakeService, future: Future[Any]
) -> None:
    service.state.logs.append([value(0), END])
    values = iter(future.stream())
    assert next(values) == 0
    finish_raising(service, future, attempt=2)
    with pytest.raises((ZeroDivisionError, RemoteError)):
        next(values)


def test_logs_show_themselves_at_a_prompt(service: FakeService, future: Future[Any]) -> None:
    service.state.logs.extend([[output("one\n"), output("two\n")], [], [END]])
    logs = future.logs()
    assert repr(logs) == "one\ntwo\n"
    assert [str(piece) for piece in logs] == ["one\n", "two\n"], "and can be read still"
    assert repr(future.logs()) == "<nothing was printed>"
    with future.logs(follow=True) as following:
        assert "for piece in" in repr(following)
