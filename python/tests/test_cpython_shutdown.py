"""The end of an executor, in every way: CPython's test_shutdown.py.

See test_cpython_executor.py.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from site_up import SLOTS, Gate, Site, until, wait_at
from yonder.client.client import Client
from yonder.client.executor import Executor

Gates = Callable[[], Gate]


def test_run_after_shutdown(executor: Executor) -> None:
    executor.shutdown()
    executor.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.submit(pow, 2, 5)
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.map(pow, [2], [5])


def test_interpreter_shutdown(site: Site, tmp_path: Path) -> None:
    """What was submitted is run after the program has ended: it was handed over."""
    path = tmp_path / "apple"
    os.mkfifo(path)
    program = """
import sys, yonder
def write(path):
    with open(path, "w") as pipe:
        pipe.write("apple")
yonder.Executor("local").submit(write, sys.argv[1])
"""
    done = site.python(program, str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert path.read_text() == "apple"


def test_submit_after_interpreter_shutdown(site: Site) -> None:
    program = """
import atexit
@atexit.register
def run_last():
    try:
        t.submit(id, None)
    except RuntimeError:
        print("runtime-error")
        raise
import yonder
t = yonder.Executor("local")
t.submit(id, 42).result()
"""
    done = site.python(program)
    assert "RuntimeError: cannot schedule new futures" in done.stderr
    assert done.stdout.strip() == "runtime-error"


def test_hang_issue12364(executor: Executor) -> None:
    found = [executor.submit(pow, n, 2) for n in range(50)]
    executor.shutdown()
    assert [future.result(0) for future in found] == [n * n for n in range(50)]


def test_cancel_futures(executor: Executor, gate: Gates) -> None:
    """What no worker has begun is cancelled, what runs goes on to its end."""
    gates = [gate() for _ in range(SLOTS)]
    held = [executor.submit(wait_at(one)) for one in gates]
    for one in gates:
        one.reached()
    until(lambda: all(future.running() for future in held))
    waiting = [executor.submit(pow, n, 2) for n in range(50)]
    executor.flush()

    def let_go() -> None:
        until(lambda: all(future.cancelled() for future in waiting))
        for one in gates:
            one.open()

    threading.Thread(target=let_go).start()
    executor.shutdown(cancel_futures=True)
    assert all(future.cancelled() for future in waiting)
    assert [future.result(0) for future in held] == [one.path for one in gates]


def test_hang_gh83386(site: Site) -> None:
    """shutdown(wait=False) does not hang the end of the program, and loses nothing."""
    program = """
import yonder
t = yonder.Executor("local")
future = t.submit(pow, 2, 8)
t.shutdown(wait=False)
print(future.result())
"""
    done = site.python(program)
    assert (done.stdout.strip(), done.stderr) == ("256", "")


def test_hang_gh94440(remote: Client) -> None:
    one = Executor("local", remote)
    one.submit(int).result()
    one.submit(int).cancel()
    one.shutdown(wait=True)


def test_context_manager_shutdown(remote: Client) -> None:
    with Executor("local", remote) as one:
        assert list(one.map(abs, range(-5, 5))) == [5, 4, 3, 2, 1, 0, 1, 2, 3, 4]
    with pytest.raises(RuntimeError):
        one.submit(abs, 1)


def test_del_shutdown(remote: Client) -> None:
    one = Executor("local", remote)
    found = one.map(abs, range(-5, 5))
    del one
    gc.collect()
    assert list(found) == [5, 4, 3, 2, 1, 0, 1, 2, 3, 4]


def test_shutdown_no_wait(remote: Client) -> None:
    one = Executor("local", remote)
    found = one.map(abs, range(-5, 5))
    one.shutdown(wait=False)
    assert list(found) == [5, 4, 3, 2, 1, 0, 1, 2, 3, 4]


def test_cancel_futures_wait_false(site: Site) -> None:
    program = """
import yonder
t = yonder.Executor("local")
t.submit(print, "apple")
t.shutdown(wait=False, cancel_futures=True)
"""
    done = site.python(program)
    assert (done.returncode, done.stderr) == (0, "")
