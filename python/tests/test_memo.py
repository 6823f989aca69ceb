"""Functions with a memo: run once for the same arguments."""

from __future__ import annotations

import os
import uuid

import yonder
from yonder.client.executor import Executor


def draw(number: int) -> tuple[int, str]:
    """Something else whenever it runs."""
    return number, uuid.uuid4().hex


def test_equal_calls_are_run_once(executor: Executor) -> None:
    client = executor.client
    function = client.register_function(draw, name="draw_once", memo="private")
    assert function.memo.scope == "private"
    first = executor.submit(function, 1)
    first.result()
    assert executor.submit(function, 1).result() == first.result()
    assert executor.submit(function, 2).result() != first.result()
    assert executor.submit(function.id, 1).result() == first.result()
    again = executor.submit(function, 1)
    again.result()
    task = client.task(again.task_id)
    assert (task.memo, task.attempt) == (first.task_id, 0)
    assert "kept" in client.explain(again.task_id).summary


def test_maps_use_the_memo_call_by_call(executor: Executor) -> None:
    remote = yonder.function(
        draw, client=executor.client, endpoint=executor.endpoint, memo="private"
    )
    some = list(remote.map(range(5)))
    assert [number for number, _ in some] == list(range(5))
    assert list(remote.map(range(8), chunksize=4))[:5] == some


def test_a_fresh_executor_runs_it_again_and_keeps_that(executor: Executor) -> None:
    client = executor.client
    function = client.register_function(draw, name="draw_fresh", memo="shared")
    first = executor.submit(function, 1).result()
    with Executor(executor.endpoint, client, fresh=True) as anew:
        second = anew.submit(function, 1).result()
    assert second != first
    assert executor.submit(function, 1).result() == second


def test_what_fails_is_tried_again(executor: Executor, tmp_path: os.PathLike[str]) -> None:
    marker = os.path.join(tmp_path, "was here")

    @yonder.function(client=executor.client, endpoint=executor.endpoint, memo="private")
    def once(path: str) -> str:
        if not os.path.exists(path):
            open(path, "w").close()
            raise RuntimeError("the first time")
        return "the second time"

    assert isinstance(once.submit(marker).exception(), RuntimeError)
    assert once.submit(marker).result() == "the second time"
