"""Mistakes with options: each is told what there is instead."""

from __future__ import annotations

import warnings
from typing import Any, Callable

import pytest

import yonder
from yonder.client.client import Client
from yonder.errors import InvalidRequest, OfflineWarning, SameMinorWarning

from .fake_service import FakeService
from .fake_worker import FakeWorker

executor: Any = yonder.Executor  # type checkers know its options


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: executor(max_workers=4), "Executor.* 'max_workers': .*--slots"),
        (lambda: executor(wall_time=4), "did you mean walltime"),
        (lambda: executor(timeout=4), "walltime= bounds .* give_up_after="),
        (lambda: executor(colour=4), "there are client, endpoint, fresh, give_up_after"),
        (lambda: yonder.AsyncExecutor(max_workers=4), "AsyncExecutor.*--slots"),
        (lambda: yonder.function(wall_time=4)(len), "@yonder.function.* did you mean walltime"),
        (lambda: yonder.ShellFunction("ls", walltime_s=4), "did you mean walltime"),
        (lambda: yonder.Client(**{"adress": "x"}), r"Client\(\) has no option"),  # type: ignore[arg-type]
    ],
)
def test_an_option_that_there_is_not(make: Callable[[], Any], says: str) -> None:
    with pytest.raises(TypeError, match=says):
        make()


def test_an_option_of_map(client: Client, worker: FakeWorker) -> None:
    with executor(client=client) as one:
        with pytest.raises(TypeError, match=r"map\(\) has no option .*: did you mean chunksize"):
            one.map(abs, [1], chunk_size=3)
        assert list(one.map(abs, [-1])) == [1]


@pytest.mark.parametrize(
    ("option", "value"),
    [("label", 5), ("walltime", "60"), ("priority", 1.5), ("retry", 3), ("client", 4)],
)
def test_an_option_of_the_wrong_type_is_named(client: Client, option: str, value: Any) -> None:
    with pytest.raises(InvalidRequest, match=f"^{option}={value!r} ?") as caught:
        executor(**{"client": client, option: value})
    assert caught.value.field == option


def test_warnings_point_at_the_program(service: FakeService, client: Client) -> None:
    service.state.endpoints[0]["online"] = False
    f = eval("lambda: 1")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        executor("lab", client).submit(f)
        client.register_function(f)
    assert [w.category for w in said] == [OfflineWarning, SameMinorWarning, SameMinorWarning]
    assert {w.filename for w in said} == {__file__}


def abs_of(x: int) -> int:
    return abs(x)


def test_a_walltime_of_the_function(client: Client) -> None:
    made = client.register_function(abs_of, requirements=yonder.Requirements(walltime=60))
    assert made.requirements.walltime == 60


def test_what_a_prompt_shows(service: FakeService, client: Client) -> None:
    assert repr(client) == f"<Client: {service.url}>"
    with executor("lab", client) as one:
        assert repr(one) == f"<Executor: endpoint 'lab', group {one.group}>"
