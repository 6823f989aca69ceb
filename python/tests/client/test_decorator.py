"""@yonder.function, functions by name, and joblib's batches."""

from __future__ import annotations

import pytest

import yonder
from yonder.client.client import Client
from yonder.client.decorator import RemoteFunction, function
from yonder.client.executor import Executor
from yonder.client.models import Requirements
from yonder.errors import InvalidRequest, NotFound

from .fake_service import FakeService
from .fake_state import endpoint
from .fake_worker import FakeWorker


@function
def double(x: int) -> int:
    """Twice as much."""
    return 2 * x


def quadruple(x: int) -> int:
    return double(double(x))


def twice(fn: object, x: int) -> int:
    return fn(fn(x))  # type: ignore[operator,no-any-return]


def test_it_is_called_here_as_usual() -> None:
    assert double(4) == 8
    assert (double.__name__, double.__doc__) == ("double", "Twice as much.")
    assert repr(double) == "<yonder function double>"
    assert isinstance(yonder.function(len), RemoteFunction)
    with pytest.raises(TypeError, match="takes a function"):
        function("lab")  # type: ignore[call-overload]


def test_submit_map_and_await(client: Client, worker: FakeWorker) -> None:
    there = double.on("lab", client)
    assert there.submit(21).result(10) == 42
    assert list(there.map(range(10), chunksize=4)) == [2 * n for n in range(10)]
    assert there.executor is there.executor
    assert "on lab" in repr(there)


def test_it_travels_as_the_plain_function(client: Client, worker: FakeWorker) -> None:
    with Executor(client=client) as executor:
        assert executor.submit(double, 1).result(10) == 2
        assert executor.submit(quadruple, 1).result(10) == 4
        assert executor.submit(twice, double, 1).result(10) == 4


def test_options_and_requirements(service: FakeService, client: Client, worker: FakeWorker) -> None:
    needs = Requirements(packages=["numpy"])

    @function(endpoint="lab", client=client, walltime=60, requirements=needs, name="dbl")
    def work(x: int) -> int:
        return 2 * x

    assert work.submit(2).result(10) == 4
    (bundle,) = service.state.await_bundles(1)
    assert bundle.header["walltime_s"] == 60
    assert service.state.functions[bundle.header["function"]]["requirements"]["packages"] == [
        "numpy"
    ]
    made = work.register()
    assert (made.name, made.requirements.packages) == ("dbl", ["numpy"])
    assert work.on("lab", walltime=5).executor._options.walltime == 5


def test_functions_by_name(service: FakeService, client: Client, worker: FakeWorker) -> None:
    registered = client.register_function(quadruple, name="four times")
    with Executor(client=client) as executor:
        assert executor.submit("four times", 2).result(10) == 8
        assert list(executor.map("four times", [1, 2])) == [4, 8]
        assert executor.submit(registered.id, 1).result(10) == 4
        with pytest.raises(NotFound, match="no function 'five times'"):
            executor.submit("five times", 1)
        stranger = {**service.state.functions[registered.id], "name": "two", "owner": "x"}
        for n in range(2):
            service.state.functions[f"{n}"] = {**stranger, "id": f"{n}", "owner": f"{n}"}
        with pytest.raises(InvalidRequest, match="2 functions are called 'two'"):
            executor.submit("two", 1)


def test_joblib(client: Client, worker: FakeWorker) -> None:
    joblib = pytest.importorskip("joblib")
    yonder.register_joblib("lab", client)
    with joblib.parallel_config("yonder"):
        found = joblib.Parallel()(joblib.delayed(quadruple)(n) for n in range(30))
        assert found == [4 * n for n in range(30)]
        streamed = joblib.Parallel(n_jobs=2, return_as="generator")(
            joblib.delayed(quadruple)(n) for n in range(5)
        )
        assert list(streamed) == [0, 4, 8, 12, 16]
        with pytest.raises(ZeroDivisionError):
            joblib.Parallel()(joblib.delayed(divmod)(1, n) for n in (1, 0, 1))


def test_an_endpoint_that_is_offline(service: FakeService, client: Client) -> None:
    service.state.endpoints.append(
        {**endpoint("away", online=False), "last_seen": "2026-01-02T03:04:05Z"}
    )
    with pytest.warns(yonder.OfflineWarning, match=r"away is offline, it was last seen at 2026"):
        Executor("away", client)
