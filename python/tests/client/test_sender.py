"""What goes into a request, what happens when one fails, and how much may wait."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from yonder.client import ids
from yonder.client.client import Client
from yonder.client.executor import Executor
from yonder.errors import InternalError, InvalidRequest, LimitReached, NotFound, Unavailable

from .fake_faults import Gate, drop, drop_after, refuse
from .fake_routes import Answered
from .fake_service import FakeService
from .fake_worker import FakeWorker

BUNDLES = ("POST", "/v1/bundles")


def double(x: int) -> int:
    return 2 * x


def triple(x: int, y: int = 0) -> int:
    return 3 * x + y


def sizes(service: FakeService) -> list[list[int]]:
    """Tasks of each bundle of each request."""
    return [[b.header["tasks"] for b in request] for request in service.state.submissions]


def held(service: FakeService, executor: Executor) -> Gate:
    """Hold a first request, so that the next tasks gather."""
    gate = Gate()
    service.fault(*BUNDLES, gate)
    executor.submit(double, 0)
    assert gate.entered.wait(10)
    return gate


def test_tasks_gather_while_a_request_is_under_way(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    with Executor(client=client) as executor:
        gate = held(service, executor)
        futures = [executor.submit(double, i) for i in range(100)]
        gate.open.set()
        assert [future.result(10) for future in futures] == [2 * i for i in range(100)]
    assert sizes(service) == [[1], [100]]
    (bundle,) = {future.task_id[:-4] for future in futures if future.task_id}
    assert [f.task_id for f in futures] == [f"{bundle}{i:04x}" for i in range(100)]


def test_a_request_has_several_bundles(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    with Executor(client=client) as executor, Executor(client=client, priority=1) as other:
        gate = held(service, executor)
        futures = [
            executor.submit(double, 1),
            executor.submit(triple, 1),
            other.submit(double, 2),
            executor.submit(triple, 2),
            executor.submit(triple, 3, y=4),
            executor.submit(double, 3),
        ]
        gate.open.set()
        assert [future.result(10) for future in futures] == [2, 3, 4, 6, 13, 6]
    assert sizes(service) == [[1], [2, 2, 1, 1]]


def test_bundles_have_at_most_so_many_tasks(service: FakeService, worker: FakeWorker) -> None:
    service.state.limits["bundle_tasks"] = 3
    with Client(service.url, service.state.token) as client, Executor(client=client) as executor:
        gate = held(service, executor)
        futures = [executor.submit(double, i) for i in range(7)]
        gate.open.set()
        assert [future.result(10) for future in futures] == [2 * i for i in range(7)]
    assert sizes(service) == [[1], [3, 3, 1]]


def test_requests_have_at_most_so_many_bytes(service: FakeService, worker: FakeWorker) -> None:
    service.state.limits["request_bytes"] = 10_000  # the fake service checks it
    with Client(service.url, service.state.token) as client, Executor(client=client) as executor:
        gate = held(service, executor)
        words = [str(i) * 1000 for i in range(10)]
        futures = [executor.submit(len, word) for word in words]
        gate.open.set()
        assert [future.result(10) for future in futures] == [1000] * 10
    assert len(service.state.submissions) > 2


def test_a_functions_registration_is_remembered(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    with Executor(client=client) as executor, Executor(client=client) as other:
        assert executor.submit(double, 1).result(10) == 2
        assert other.submit(double, 2).result(10) == 4
    assert service.state.count("POST", "/v1/functions") == 1


def test_a_function_that_the_service_let_go_is_sent_again(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    with Executor(client=client) as executor:
        assert executor.submit(double, 1).result(10) == 2
        service.state.functions.clear()
        assert executor.submit(double, 3).result(10) == 6
        service.state.functions.clear()
        service.state.register = lambda body: {"id": ids.new_id()}  # type: ignore[method-assign]
        with pytest.raises(NotFound):  # it tries once
            executor.submit(double, 2).result(10)


def test_a_function_that_is_refused(service: FakeService, client: Client) -> None:
    service.fault("POST", "/v1/functions", refuse(413, "too_large", "8 MiB is enough"))
    executor = Executor(client=client)
    future = executor.submit(double, 1)
    with pytest.raises(Exception, match="8 MiB") as caught:
        future.accepted.result(10)
    assert repr(future.exception(10)) == repr(caught.value)


@pytest.mark.parametrize("broken", [drop, drop_after])
def test_a_request_without_an_answer_is_repeated(
    service: FakeService, client: Client, worker: FakeWorker, broken: Any
) -> None:
    """Whether it arrived or not: the bundle's id keeps the tasks from running twice."""
    with Executor(client=client) as executor:
        service.fault(*BUNDLES, broken, broken)
        assert executor.submit(double, 1).result(10) == 2
    assert len(service.state.bundles) == 1
    assert service.state.count(*BUNDLES) == 3


def test_a_restart_is_waited_for(service: FakeService, client: Client, worker: FakeWorker) -> None:
    with Executor(client=client) as executor:
        assert executor.submit(double, 1).result(10) == 2
        service.stop()
        future = executor.submit(double, 2)
        service.start()
        assert future.result(10) == 4


def test_a_service_that_stays_away(service: FakeService) -> None:
    with Client(service.url, service.state.token, patience=0.1) as client:
        executor = Executor(client=client)
        executor.submit(double, 1).accepted.result(10)
        service.stop()
        with pytest.raises(Unavailable, match=r"no service answers at .*yonder up"):
            executor.submit(double, 2).result(10)
        service.start()


def test_one_guilty_bundle_is_found(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    with Executor(client=client) as executor:
        gate = held(service, executor)
        good = executor.submit(double, 1)
        bad = executor.submit(double, 1, 2, 3)  # type: ignore[call-arg]
        fine = executor.submit(triple, 1)
        gate.open.set()
        assert (good.result(10), fine.result(10)) == (2, 3)
        with pytest.raises(TypeError):
            bad.result(10)


def test_a_full_service_is_waited_for(
    service: FakeService, client: Client, worker: FakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    service.fault(*BUNDLES, *[refuse(429, "limit_reached", "1 is enough", Retry_After="0.01")] * 3)
    with Executor(client=client) as executor:
        assert executor.submit(double, 1).result(10) == 2
    assert service.state.count(*BUNDLES) == 4
    assert [record.message for record in caplog.records] == [
        "the service takes no more tasks for now, waiting: 1 is enough"
    ]


REACHED = {"limit": "queued_tasks", "current": 9, "maximum": 10}


def test_a_full_service_is_an_error_for_who_does_not_wait(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    full = refuse(429, "limit_reached", "full", Retry_After="0.01", reached=REACHED)
    eager = Executor(client=client, when_full="raise")
    patient = Executor(client=client)
    gate = held(service, patient)
    service.fault(*BUNDLES, full, full)
    raised, waited = eager.submit(double, 1), patient.submit(double, 2)
    gate.open.set()
    error = raised.exception(10)
    assert isinstance(error, LimitReached)
    assert (error.limit, error.current, error.maximum) == ("queued_tasks", 9, 10)
    assert waited.result(10) == 4


def test_an_overfull_client_is_an_error_for_who_does_not_wait(
    service: FakeService, worker: FakeWorker
) -> None:
    with Client(service.url, service.state.token, queue_tasks=1) as client:
        executor = Executor(client=client, when_full="raise")
        gate = held(service, executor)
        with pytest.raises(LimitReached, match="1 tasks of .* wait to be sent") as caught:
            executor.submit(double, 1)
        assert caught.value.maximum == 1
        gate.open.set()
        executor.flush(10)
        assert executor.submit(double, 1).result(10) == 2


def test_what_to_do_when_full_is_checked(service: FakeService, client: Client) -> None:
    with pytest.raises(InvalidRequest, match="neither"):
        Executor(client=client, when_full="drop")
    with pytest.raises(InvalidRequest, match="retention"):
        Executor(client=client, retention=0)


def test_results_are_asked_to_be_kept(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    with Executor(client=client, retention=1.5) as executor:
        executor.submit(double, 1).result(10)
    [[bundle]] = service.state.submissions
    assert bundle.header["retention_s"] == 2


def test_less_is_sent_at_a_time_to_a_full_service(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    full = refuse(429, "limit_reached", Retry_After="0.01")
    with Executor(client=client) as executor:
        gate = held(service, executor)
        service.fault(*BUNDLES, full, full)
        functions = [lambda x, n=n: x + n for n in range(8)]
        futures = [executor.submit(function, 1) for function in functions]
        gate.open.set()
        assert [future.result(10) for future in futures] == [1 + n for n in range(8)]
    assert sizes(service) == [[1], [1, 1], [1, 1, 1, 1], [1, 1]]


@pytest.mark.parametrize("limit", [{"queue_tasks": 3}, {"queue_bytes": 100}])
def test_submitting_waits_while_too_much_waits(
    service: FakeService, worker: FakeWorker, limit: Any
) -> None:
    with Client(service.url, service.state.token, **limit) as client:
        executor = Executor(client=client)
        gate = held(service, executor)
        futures = [executor.submit(double, 1), executor.submit(double, 2)]
        submitted = threading.Event()

        def third() -> None:
            futures.append(executor.submit(double, 3))
            submitted.set()

        thread = threading.Thread(target=third)
        thread.start()
        assert not submitted.wait(0.05)
        gate.open.set()
        assert submitted.wait(10)
        thread.join()
        assert [future.result(10) for future in futures] == [2, 4, 6]


def test_a_payload_over_the_queues_limit_still_goes(
    service: FakeService, worker: FakeWorker
) -> None:
    client = Client(service.url, service.state.token, queue_bytes=10)
    with client, Executor(client=client) as executor:
        assert executor.submit(len, "x" * 1000).result(10) == 1000


def test_a_strange_answer_fails_the_tasks_only(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    def strange(handler: Any) -> None:
        handler.answer(202, {"surprise": True})
        raise Answered

    service.fault(*BUNDLES, strange)
    with Executor(client=client) as executor:
        with pytest.raises(InternalError, match="bundles"):
            executor.submit(double, 1).result(10)
        assert executor.submit(double, 2).result(10) == 4


def test_cancelled_before_it_is_sent(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    with Executor(client=client) as executor:
        gate = held(service, executor)
        futures = [executor.submit(double, i) for i in range(4)]
        alone = executor.submit(triple, 1)
        assert futures[1].cancel()
        assert alone.cancel()
        gate.open.set()
        assert [futures[i].result(10) for i in (0, 2, 3)] == [0, 4, 6]
        assert futures[1].cancelled()
        assert alone.accepted.wait(10)
        assert not alone.accepted.is_set()
    assert sizes(service) == [[1], [3]]
    assert not service.state.cancels
