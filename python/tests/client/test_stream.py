"""Results come over one connection, and nothing is missed or repeated when it breaks."""

from __future__ import annotations

import logging
import threading

import pytest

from yonder import codec, wire
from yonder.client.client import Client
from yonder.client.executor import Executor
from yonder.client.future import Future
from yonder.errors import NotFound

from .fake_faults import refuse
from .fake_service import FakeService
from .fake_state import Bundle
from .fake_worker import FakeWorker

STREAM = ("GET", "/v1/stream")


def double(x: int) -> int:
    return 2 * x


def finish(service: FakeService, future: Future[int], value: int) -> None:
    assert future.task_id
    bundle = service.state.bundles[future.task_id[:-4] + "0000"]
    index = int(future.task_id[-4:], 16)
    service.state.finish(bundle, index, index + 1, "ok", codec.pack_value(value))


def submit(executor: Executor, n: int) -> list[Future[int]]:
    futures = [executor.submit(double, i) for i in range(n)]
    for future in futures:
        future.accepted.result(10)
    return futures


def await_streams(service: FakeService, n: int, heard: int = 1) -> None:
    """The nth connection has subscribed."""

    def there() -> bool:
        return len(service.streams) >= n and len(service.streams[n - 1].heard) >= heard

    with service.state.changed:
        assert service.state.changed.wait_for(there, 10)


def test_one_connection_for_all_executors(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    with Executor(client=client) as one, Executor(client=client) as other:
        futures = [one.submit(double, 1), other.submit(double, 2), one.submit(double, 3)]
        assert [future.result(10) for future in futures] == [2, 4, 6]
    assert len(service.streams) == 1
    assert {message["group"] for message in service.streams[0].heard} == {one.group, other.group}
    assert service.state.count("GET", f"/v1/groups/{one.group}/results") == 0


def test_pages_in_fragments(service: FakeService, client: Client, worker: FakeWorker) -> None:
    service.state.fragment = 100
    with Executor(client=client) as executor:
        assert list(executor.map(double, range(300), chunksize=1)) == [2 * i for i in range(300)]
    assert len(service.streams) == 1


def test_a_callback_may_close_the_client(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    ended = threading.Event()

    def end(_: object) -> None:
        client.close()
        ended.set()

    executor = Executor(client=client)
    executor.submit(double, 1).add_done_callback(end)
    assert ended.wait(10)
    with service.state.changed:
        assert service.state.changed.wait_for(lambda: service.streams[0].closed, 10)


def test_a_damaged_page_ends_the_connection(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    with Executor(client=client) as executor:
        assert executor.submit(double, 1).result(10) == 2
        service.streams[0].send(wire.Kind.TAIL, {})
        with service.state.changed:
            assert service.state.changed.wait_for(lambda: service.streams[0].closed, 10)
        assert executor.submit(double, 2).result(10) == 4
    assert len(service.streams) == 2


def test_a_broken_connection_goes_on_at_its_cursor(service: FakeService, client: Client) -> None:
    called: list[int] = []
    with Executor(client=client) as executor:
        futures = submit(executor, 6)
        for future in futures:
            future.add_done_callback(lambda f: called.append(f.result()))
        for i in (3, 1):
            finish(service, futures[i], 2 * i)
        assert (futures[3].result(10), futures[1].result(10)) == (6, 2)
        service.cut()
        for i in (0, 5):
            finish(service, futures[i], 2 * i)
        assert (futures[0].result(10), futures[5].result(10)) == (0, 10)
        service.stop()
        finish(service, futures[2], 4)
        service.start()
        finish(service, futures[4], 8)
        assert (futures[2].result(10), futures[4].result(10)) == (4, 8)
    assert called == [6, 2, 0, 10, 4, 8]
    cursors = [stream.heard[0]["cursor"] for stream in service.streams if stream.heard]
    assert cursors[0] == 0
    assert cursors[1] == 2
    assert cursors[-1] >= 4


def test_what_comes_twice_counts_once(service: FakeService, client: Client) -> None:
    with Executor(client=client) as executor:
        futures = submit(executor, 2)
        finish(service, futures[0], 1)
        finish(service, futures[0], 2)  # which the real service would never accept
        assert futures[0].result(10) == 1
        with service.state.changed:
            service.streams[0].cursors[executor.group] = 0  # sends it all again
            service.state.changed.notify_all()
        finish(service, futures[1], 3)
        assert futures[1].result(10) == 3
        assert futures[0].result(10) == 1


def test_other_peoples_bundles_are_ignored(service: FakeService, client: Client) -> None:
    with Executor(client=client) as executor:
        (future,) = submit(executor, 1)
        stranger = Bundle(
            {"id": executor.group[:-4] + "0000", "group": executor.group, "endpoint": ""}, []
        )
        service.state.finish(stranger, 0, 1, "ok", b"junk")
        finish(service, future, 5)
        assert future.result(10) == 5


def test_why_there_is_no_connection_is_told(
    service: FakeService, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    told = threading.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "no connection for results" in record.getMessage():
                told.set()

    log = logging.getLogger("yonder.client")
    log.addHandler(listener := Listener())
    try:
        service.fault(*STREAM, *[refuse(403, "forbidden", "this token may not read")] * 5)
        with Executor(client=client) as executor:
            (future,) = submit(executor, 1)
            assert told.wait(10)
            with pytest.raises(TimeoutError, match=r"no connection for results .*may not read"):
                future.result(0)
            finish(service, future, 7)
            assert future.result(20) == 7
    finally:
        log.removeHandler(listener)
    assert "may not read" in caplog.text
    assert "1 bundles are waited for" in caplog.text


def test_no_secret_in_the_logs(
    service: FakeService, client: Client, worker: FakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Executor(client=client) as executor:
        assert executor.submit(double, 1).result(10) == 2
    ours = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    assert ours
    assert service.state.token not in "".join(ours)
    assert service.state.token not in repr(client.settings)


def test_a_group_that_cannot_be_followed(service: FakeService, client: Client) -> None:
    with Executor(client=client) as executor:
        (future,) = submit(executor, 1)
        await_streams(service, 1)
        error = {"code": "not_found", "message": "its retention is over", "field": executor.group}
        service.streams[0].send(20, error)
        with pytest.raises(NotFound, match="retention"):
            future.result(10)


def test_a_token_that_ends_meanwhile(service: FakeService, client: Client) -> None:
    with Executor(client=client) as executor:
        (future,) = submit(executor, 1)
        await_streams(service, 1)
        service.streams[0].send(20, {"code": "token_revoked", "message": "get a new one"})
        await_streams(service, 2)  # the connection is made again
        finish(service, future, 1)
        assert future.result(10) == 1


def test_a_strange_message_breaks_the_connection_only(service: FakeService, client: Client) -> None:
    with Executor(client=client) as executor:
        (future,) = submit(executor, 1)
        await_streams(service, 1)
        service.streams[0].send(99, {})
        await_streams(service, 2)
        finish(service, future, 1)
        assert future.result(10) == 1


def test_a_group_is_left_when_nobody_waits(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    with Executor(client=client) as executor:
        executor.submit(double, 1).result(10)
    await_streams(service, 1, heard=2)
    assert service.streams[0].heard[1] == {"group": executor.group, "cursor": 0, "stop": True}


def test_an_existing_groups_old_results_are_skipped(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    with Executor(client=client) as executor:
        list(executor.map(double, range(5), chunksize=1))
    again = Client(service.url, service.state.token)
    with again, Executor(client=again, group=executor.group) as second:
        assert second.submit(double, 4).result(10) == 8
    cursors = [m["cursor"] for m in service.streams[1].heard if not m.get("stop")]
    assert cursors == [5]


def test_a_full_server_side_is_retried(service: FakeService, client: Client) -> None:
    """A stream that follows too many groups begins anew with those that are waited for."""
    with Executor(client=client) as executor:
        (future,) = submit(executor, 1)
        await_streams(service, 1)
        error = {"code": "limit_reached", "message": "at most 1024", "field": executor.group}
        service.streams[0].send(20, error)
        await_streams(service, 2)
        finish(service, future, 1)
        assert future.result(10) == 1


def test_results_are_not_waited_for_without_need(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    """After the connection broke and nobody waits, it is not made again."""
    with Executor(client=client) as executor:
        assert executor.submit(double, 1).result(10) == 2
        before = service.state.count(*STREAM)
        service.cut()
        with service.state.changed:
            assert service.state.changed.wait_for(lambda: service.streams[0].closed, 10)
        assert client.version().version == "0.1.0"
        assert service.state.count(*STREAM) == before
        assert executor.submit(double, 2).result(10) == 4
