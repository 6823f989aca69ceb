"""What people rely on in concurrent.futures: ``wait``, ``as_completed`` and the future itself.

See test_cpython_executor.py.
"""

from __future__ import annotations

import concurrent.futures as futures
import gc
import itertools
import re
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from site_up import PATIENCE_S, SLOTS, Gate, until, wait_at
from yonder.client.executor import Executor
from yonder.client.future import Future

Gates = Callable[[], Gate]


def mul(x: int, y: int) -> int:
    return x * y


def fail(x: int) -> None:
    raise RuntimeError(x)


def fail_at(gate: Gate) -> Callable[[], None]:
    wait = wait_at(gate)

    def wait_and_fail() -> None:
        wait()
        raise Exception("this is an exception")

    return wait_and_fail


def done_future(result: Any = 42) -> futures.Future[Any]:
    made: futures.Future[Any] = futures.Future()
    made.set_result(result)
    return made


def failed_future() -> futures.Future[Any]:
    made: futures.Future[Any] = futures.Future()
    made.set_exception(OSError())
    return made


def cancelled_future() -> futures.Future[Any]:
    made: futures.Future[Any] = futures.Future()
    made.cancel()
    made.set_running_or_notify_cancel()
    return made


# -- test_wait.py --------------------------------------------------------


def test_20369(executor: Executor) -> None:
    future = executor.submit(pow, 2, 2)
    assert futures.wait([future, future], return_when=futures.ALL_COMPLETED) == ({future}, set())


def test_first_completed(executor: Executor, gate: Gates) -> None:
    shut = gate()
    quick, slow = executor.submit(mul, 21, 2), executor.submit(wait_at(shut))
    assert futures.wait([quick, slow], return_when=futures.FIRST_COMPLETED) == ({quick}, {slow})
    shut.open()


def test_first_completed_some_already_completed(executor: Executor, gate: Gates) -> None:
    shut, done, cancelled = gate(), done_future(), cancelled_future()
    slow = executor.submit(wait_at(shut))
    found = futures.wait([cancelled, done, slow], return_when=futures.FIRST_COMPLETED)
    assert found == ({cancelled, done}, {slow})
    shut.open()


def test_first_exception(executor: Executor, gate: Gates) -> None:
    first, second = gate(), gate()
    quick = executor.submit(mul, 2, 21)
    failing = executor.submit(fail_at(first))
    slow = executor.submit(wait_at(second))
    quick.result()
    first.open()
    found = futures.wait([quick, failing, slow], return_when=futures.FIRST_EXCEPTION)
    assert found == ({quick, failing}, {slow})
    second.open()


def test_first_exception_some_already_complete(executor: Executor, gate: Gates) -> None:
    shut = gate()
    failing, slow = executor.submit(divmod, 21, 0), executor.submit(wait_at(shut))
    over = {done_future(), cancelled_future()}
    found = futures.wait([*over, failing, slow], return_when=futures.FIRST_EXCEPTION)
    assert found == (over | {failing}, {slow})
    shut.open()


def test_first_exception_one_already_failed(executor: Executor, gate: Gates) -> None:
    shut, failed = gate(), failed_future()
    slow = executor.submit(wait_at(shut))
    found = futures.wait([failed, slow], return_when=futures.FIRST_EXCEPTION)
    assert found == ({failed}, {slow})
    shut.open()


def test_all_completed(executor: Executor) -> None:
    every = {
        done_future(),
        cancelled_future(),
        failed_future(),
        executor.submit(divmod, 2, 0),
        executor.submit(mul, 2, 21),
    }
    assert futures.wait(every, return_when=futures.ALL_COMPLETED) == (every, set())


def test_timeout(executor: Executor, gate: Gates) -> None:
    shut = gate()
    slow, over = executor.submit(wait_at(shut)), {done_future(), failed_future()}
    assert futures.wait({slow} | over, timeout=0.05) == (over, {slow})
    shut.open()


def test_pending_calls_race(executor: Executor) -> None:
    found = {executor.submit(int) for _ in range(100)}
    assert futures.wait(found).done == found


# -- test_as_completed.py ------------------------------------------------


def test_no_timeout(executor: Executor) -> None:
    every = {
        cancelled_future(),
        failed_future(),
        done_future(),
        executor.submit(mul, 2, 21),
        executor.submit(mul, 7, 6),
    }
    assert set(futures.as_completed(every)) == every


def test_future_times_out(executor: Executor, gate: Gates) -> None:
    shut, over = gate(), {cancelled_future(), failed_future(), done_future()}
    slow = executor.submit(wait_at(shut))
    for timeout in (0, 0.1):
        seen = set()
        with pytest.raises(futures.TimeoutError):
            seen.update(futures.as_completed(over | {slow}, timeout))
        assert seen == over
    shut.open()


def test_duplicate_futures(executor: Executor) -> None:
    future = executor.submit(pow, 2, 2)
    assert list(futures.as_completed(itertools.repeat(future, 3))) == [future]


def test_free_reference_yielded_future(executor: Executor) -> None:
    found = [executor.submit(pow, n, 2) for n in range(8)]
    futures.wait(found)
    for future in futures.as_completed(found):
        found.remove(future)
        reference = weakref.ref(future)
        del future
        gc.collect()
        assert reference() is None


def test_correct_timeout_exception_msg(executor: Executor, gate: Gates) -> None:
    gates = [gate(), gate()]
    slow = [executor.submit(wait_at(one)) for one in gates]
    with pytest.raises(futures.TimeoutError, match=re.escape("2 (of 4) futures unfinished")):
        list(futures.as_completed([*slow, done_future(1), done_future(2)], timeout=0))
    for one in gates:
        one.open()


# -- test_future.py ------------------------------------------------------


@pytest.mark.parametrize("early", [True, False])
def test_done_callback_with_result(executor: Executor, gate: Gates, early: bool) -> None:
    seen, called = check_callback(executor, gate(), early, wait_at)
    assert seen.result() in called


@pytest.mark.parametrize("early", [True, False])
def test_done_callback_with_exception(executor: Executor, gate: Gates, early: bool) -> None:
    seen, called = check_callback(executor, gate(), early, fail_at)
    assert str(seen.exception()) in called


def check_callback(
    executor: Executor, gate: Gate, early: bool, make: Callable[[Gate], Callable[[], Any]]
) -> tuple[Future[Any], list[Any]]:
    """A callback is called once, with the future, whether it is added before or after."""
    called: list[Any] = []
    told = threading.Event()

    def callback(future: futures.Future[Any]) -> None:
        assert future is seen
        called.append(str(future.exception()) if future.exception() else future.result())
        told.set()

    seen = executor.submit(make(gate))
    if early:
        seen.add_done_callback(callback)
    gate.open()
    futures.wait([seen])
    if not early:
        seen.add_done_callback(callback)
    assert told.wait(PATIENCE_S)
    assert len(called) == 1
    return seen, called


def test_done_callback_with_cancel(executor: Executor, gate: Gates) -> None:
    called: list[bool] = []
    future = executor.submit(wait_at(gate()))
    future.add_done_callback(lambda one: called.append(one.cancelled()))
    assert future.cancel()
    future.add_done_callback(lambda one: called.append(one.cancelled()))
    assert called == [True, True]


def test_done_callback_raises(
    executor: Executor, gate: Gates, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the other callbacks are called."""
    shut, told = gate(), threading.Event()

    def raising(_: object) -> None:
        raise Exception("doh!")

    future = executor.submit(wait_at(shut))
    future.add_done_callback(raising)
    future.add_done_callback(lambda _: told.set())
    shut.open()
    assert told.wait(PATIENCE_S)
    assert "doh!" in caplog.text


def test_done_callback_raises_already_succeeded(executor: Executor) -> None:
    future = executor.submit(int)
    future.result()
    future.add_done_callback(lambda _: 1 / 0)
    assert future.result() == 0


def test_repr(executor: Executor, gate: Gates) -> None:
    shut = gate()
    future = executor.submit(wait_at(shut))
    assert re.fullmatch(r"<Future at 0x[0-9a-f]+ state=pending>", repr(future))
    shut.open()
    future.result()
    assert re.fullmatch(r"<Future at 0x[0-9a-f]+ state=finished returned str>", repr(future))
    failed = executor.submit(fail, 1)
    failed.exception()
    assert re.fullmatch(r"<Future at 0x[0-9a-f]+ state=finished raised RuntimeError>", repr(failed))


def test_cancel(executor: Executor, gate: Gates) -> None:
    """Also while it runs: the worker's process is stopped. Not once it is done."""
    shut = gate()
    future = executor.submit(wait_at(shut))
    shut.reached()
    assert future.cancel()
    assert future.cancel()
    assert future.cancelled()
    with pytest.raises(futures.CancelledError):
        future.result()
    over = executor.submit(int)
    over.result()
    assert not over.cancel()
    assert not over.cancelled()


def test_done(executor: Executor, gate: Gates) -> None:
    shut = gate()
    future = executor.submit(wait_at(shut))
    assert not future.done()
    shut.open()
    future.result()
    assert future.done()


def test_running(executor: Executor, gate: Gates) -> None:
    """False, then True once the service knows that it began, then False."""
    gates = [gate() for _ in range(SLOTS)]
    held = [executor.submit(wait_at(one)) for one in gates]
    for one in gates:
        one.reached()
    behind = executor.submit(int)
    until(lambda: all(future.running() for future in held))
    assert not behind.running()
    for one in gates:
        one.open()
    futures.wait([*held, behind])
    assert not any(future.running() for future in [*held, behind])


def test_result_with_timeout(executor: Executor, gate: Gates) -> None:
    shut = gate()
    future = executor.submit(wait_at(shut))
    with pytest.raises(futures.TimeoutError):
        future.result(timeout=0)
    shut.open()
    assert future.result() == shut.path
    assert future.result(timeout=0) == shut.path
    with pytest.raises(RuntimeError):
        executor.submit(fail, 1).result(timeout=PATIENCE_S)


def test_result_with_success(executor: Executor) -> None:
    """A waiting thread gets it."""
    assert executor.submit(pow, 2, 8).result(timeout=PATIENCE_S) == 256


def test_result_with_cancel(executor: Executor, gate: Gates) -> None:
    future = executor.submit(wait_at(gate()))
    future.accepted.wait()
    threading.Thread(target=future.cancel).start()
    with pytest.raises(futures.CancelledError):
        future.result(timeout=PATIENCE_S)


def test_exception_with_timeout(executor: Executor, gate: Gates) -> None:
    shut = gate()
    future = executor.submit(fail_at(shut))
    with pytest.raises(futures.TimeoutError):
        future.exception(timeout=0)
    shut.open()
    assert isinstance(future.exception(), Exception)
    assert executor.submit(int).exception(PATIENCE_S) is None


def test_exception_with_success(executor: Executor) -> None:
    assert isinstance(executor.submit(fail, 1).exception(timeout=PATIENCE_S), RuntimeError)


def test_multiple_set_result(executor: Executor) -> None:
    future = executor.submit(int)
    future.result()
    with pytest.raises(futures.InvalidStateError):
        future.set_result("another")
    assert future.result() == 0


def test_multiple_set_exception(executor: Executor) -> None:
    future = executor.submit(fail, 1)
    future.exception()
    with pytest.raises(futures.InvalidStateError):
        future.set_exception(Exception())
