"""What people rely on in concurrent.futures, over a real service and a real endpoint.

The list is that of CPython's own tests (Lib/test/test_concurrent_futures of 3.13), one
test here or in test_cpython_futures.py, test_cpython_shutdown.py or
test_cpython_deadlock.py for each behaviour, under the same name.
docs/concurrent-futures.md has the table, with those that differ and why; a test holds
the two together.
"""

from __future__ import annotations

import concurrent.futures as futures
import gc
import itertools
import os
import re
import signal
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import test_cpython_deadlock
import test_cpython_futures
import test_cpython_shutdown
from site_up import PATIENCE_S, ROOT, SLOTS, Gate, wait_at
from yonder.client.client import Client
from yonder.client.executor import Executor
from yonder.errors import RemoteTraceback, WorkerFailed

Gates = Callable[[], Gate]


def mul(x: int, y: int) -> int:
    return x * y


def capture(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


def fail(x: int) -> None:
    raise RuntimeError(x)  # some comment


class MyObject:
    def my_method(self) -> None:
        pass


def make_dummy_object(_: int) -> MyObject:
    return MyObject()


# -- executor.py ---------------------------------------------------------


def test_submit(executor: Executor) -> None:
    assert executor.submit(pow, 2, 8).result() == 256


def test_submit_keyword(executor: Executor) -> None:
    assert executor.submit(mul, 2, y=8).result() == 16
    found = executor.submit(capture, 1, self=2, fn=3)
    assert found.result() == ((1,), {"self": 2, "fn": 3})
    with pytest.raises(TypeError):
        executor.submit(fn=capture, arg=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        executor.submit(arg=1)  # type: ignore[call-arg]


def test_map(executor: Executor) -> None:
    expected = [pow(x, x) for x in range(10)]
    assert list(executor.map(pow, range(10), range(10))) == expected
    assert list(executor.map(pow, range(10), range(10), chunksize=3)) == expected


@pytest.mark.parametrize("chunksize", [None, 1, 2])
def test_map_exception(executor: Executor, chunksize: int) -> None:
    found = executor.map(divmod, [1, 1, 1, 1], [2, 3, 0, 5], chunksize=chunksize)
    assert next(found) == (0, 1)
    assert next(found) == (0, 1)
    with pytest.raises(ZeroDivisionError):
        next(found)
    with pytest.raises(StopIteration):
        next(found)


def test_map_timeout(executor: Executor, gate: Gates) -> None:
    """It counts from the call of map, and what is left is cancelled."""
    shut, results = gate(), []
    found = executor.map(
        none_or_wait(shut.path), [None, None, shut.path], timeout=PATIENCE_S / 10, chunksize=1
    )
    with pytest.raises(futures.TimeoutError):
        results.extend(found)
    assert results == [None, None]


def none_or_wait(token: str) -> Callable[[str | None], str | None]:
    """A function of its own for each token, see wait_at."""

    def call(gate: str | None) -> str | None:
        if gate is None:
            return gate
        with open(gate) as pipe:
            return pipe.read() + token

    return call


def test_shutdown_race_issue12456(executor: Executor) -> None:
    found = executor.map(str, [2] * (SLOTS + 1))
    executor.shutdown()
    assert list(found) == ["2"] * (SLOTS + 1)


def test_no_stale_references(executor: Executor) -> None:
    my_object = MyObject()
    collected = threading.Event()
    reference = weakref.ref(my_object, lambda _: collected.set())
    executor.submit(my_object.my_method)
    del my_object
    assert collected.wait(PATIENCE_S)
    assert reference() is None


def test_free_reference(executor: Executor) -> None:
    for obj in executor.map(make_dummy_object, range(10)):
        reference = weakref.ref(obj)
        del obj
        gc.collect()
        assert reference() is None


# -- test_thread_pool.py, test_process_pool.py ---------------------------


def test_map_submits_without_iteration(executor: Executor, tmp_path: Path) -> None:
    executor.map(touch, [str(tmp_path / str(n)) for n in range(3)])
    executor.shutdown(wait=True)
    assert len(list(tmp_path.iterdir())) == 3


def touch(path: str) -> None:
    open(path, "w").close()


def test_saturation(executor: Executor) -> None:
    """Far more calls than slots."""
    found = [executor.submit(mul, n, 2) for n in range(1000)]
    assert [future.result() for future in found] == [2 * n for n in range(1000)]


def test_idle_process_reuse(executor: Executor) -> None:
    """One after the other, calls find a warm worker: no more of them than slots."""
    assert len({executor.submit(os.getpid).result() for _ in range(3 * SLOTS)}) <= SLOTS


def test_hang_global_shutdown_lock(remote: Client) -> None:
    for _ in range(5):
        with Executor("local", remote) as one:
            one.submit(int)


def test_executor_map_current_future_cancel(executor: Executor, gate: Gates) -> None:
    """Dropping the iterator cancels what nobody will ask for."""
    first, others = gate(), [gate() for _ in range(SLOTS + 2)]
    first_call = executor.submit(wait_at(first))
    found = executor.map(none_or_wait(first.path), [None, *(g.path for g in others)], chunksize=1)
    assert next(found) is None
    found.close()  # type: ignore[attr-defined]  # it is a generator
    first.open()
    assert first_call.result() == first.path
    executor.shutdown()  # waits for nothing that was cancelled


def test_killed_child(executor: Executor) -> None:
    """Only the call that lost its worker fails; the executor goes on."""
    with pytest.raises(WorkerFailed):
        executor.submit(os.kill, 0, signal.SIGKILL).result()
    assert executor.submit(pow, 2, 8).result() == 256


def test_map_chunksize(executor: Executor) -> None:
    with pytest.raises(ValueError, match="chunksize must be >= 1"):
        list(executor.map(pow, range(40), range(40), chunksize=-1))
    for size in (6, 50, 40):
        found = executor.map(pow, range(40), range(40), chunksize=size)
        assert list(found) == [pow(n, n) for n in range(40)]


def test_map_buffersize(executor: Executor) -> None:
    """Since 3.14: an endless iterable is read as values are taken."""
    with pytest.raises(ValueError, match="buffersize must be >= 1"):
        executor.map(str, [1], buffersize=0)
    read = itertools.count()
    found = executor.map(str, read, buffersize=8, chunksize=2)
    assert list(itertools.islice(found, 20)) == [str(n) for n in range(20)]
    assert next(read) <= 20 + 8 + 2
    found.close()  # type: ignore[attr-defined]


def test_traceback(executor: Executor) -> None:
    """The exception's cause shows the remote traceback, with its source lines."""
    with pytest.raises(RuntimeError) as caught:
        executor.submit(fail, 123).result()
    assert caught.value.args == (123,)
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert "raise RuntimeError(x)  # some comment" in str(caught.value.__cause__)


# -- the table -----------------------------------------------------------


def test_the_table_is_complete() -> None:
    """docs/concurrent-futures.md has a row for each test, and else for what cannot be."""
    text = (ROOT / "docs/concurrent-futures.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|.*\| (as there|differs|cannot) \|", text, re.MULTILINE)
    others = (test_cpython_deadlock, test_cpython_futures, test_cpython_shutdown)
    names = {*globals()}.union(*map(vars, others))
    here = {name for name in names if re.fullmatch("test_(?!cpython|the_table).*", name)}
    assert {name for name, verdict in rows if verdict != "cannot"} == here
    assert not {name for name, verdict in rows if verdict == "cannot"} & here
