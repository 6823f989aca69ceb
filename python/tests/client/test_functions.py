"""A function is captured once, and again when anything it refers to has changed."""

from __future__ import annotations

import gc
import linecache
import types
from typing import Any
from unittest import mock

import pytest

from yonder.client import functions, ids
from yonder.client.client import Client
from yonder.client.executor import Executor
from yonder.client.functions import Functions
from yonder.client.watch import Watch

from .fake_worker import FakeWorker


def notebook(source: str) -> dict[str, Any]:
    """The globals of a program that was typed in."""
    place = f"<cell {ids.new_id()}>"
    linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)
    module = types.ModuleType("__main__")
    exec(compile(source, place, "exec"), module.__dict__)
    return module.__dict__


@pytest.fixture
def known() -> Functions:
    return Functions(mock.Mock())


@pytest.mark.parametrize(
    ("source", "change", "changed"),
    [
        ("def f(): return 1", "pass", False),
        ("k = 1\ndef f(): return k", "k = 2", True),
        ("k = 1\ndef f(): return k", "other = 2", False),
        ("def g(): return 1\ndef f(): return g()", "def g(): return 2", True),
        ("k = 1\ndef g(): return k\ndef f(): return g()", "k = 2", True),
        ("def f(): return f", "pass", False),
        ("def f(x=1): return x", "f.__defaults__ = (2,)", True),
        ("def f(*, x=1): return x", "f.__kwdefaults__['x'] = 2", True),
        ("def g(): pass\ndef f(): return 1", "f.__code__ = g.__code__", True),
        ("class C:\n  n = 1\ndef f(): return C.n", "C.n = 2", True),
        ("class C:\n  def m(self): return k\nk = 1\ndef f(): return C().m()", "k = 2", True),
        ("import math\ndef f(): return math.pi", "pass", False),
        ("def f(): return len([])", "pass", False),
        ("def f(): return len([])", "len = sum", True),
        ("data = [1]\ndef f(): return data", "pass", True),  # a list can change in place
        ("data = (1, 'a', None)\ndef f(): return data", "pass", False),
    ],
)
def test_what_counts_as_a_change(source: str, change: str, changed: bool) -> None:
    space = notebook(source)
    watch = Watch(space["f"])
    exec(change, space)
    assert watch.unchanged() is not changed


def test_closures_are_watched() -> None:
    k = 1

    def f() -> int:
        return k

    watch = Watch(f)
    assert watch.unchanged()
    k = 2
    assert not watch.unchanged()


def test_captured_once(known: Functions) -> None:
    def f() -> int:
        return 1

    with mock.patch.object(functions, "capture", wraps=functions.capture) as capture:
        assert known.ref(f) is known.ref(f)
        assert capture.call_count == 1


def test_the_same_code_is_the_same_function(known: Functions) -> None:
    first, second = [lambda x: x + 1 for _ in range(2)]
    assert known.ref(first) is known.ref(second)


def test_functions_are_not_kept_alive(known: Functions) -> None:
    def make() -> Any:
        def f() -> int:
            return 1

        return f

    f = make()
    known.ref(f)
    alive = functions.weakref.ref(f)
    del f
    gc.collect()
    assert alive() is None


def test_caches_are_bounded(known: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "KEPT", 3)
    kept = [eval(f"lambda: {n}") for n in range(10)]
    with mock.patch.object(functions, "capture") as capture:
        capture.side_effect = [
            mock.Mock(hash=str(n), python=None, signature=None, body=b"x") for n in range(10)
        ]
        for f in kept:
            known.ref(f)
    assert len(known._captures) == 3
    assert (len(known._refs), known._bytes) == (3, 3)


def test_a_changed_constant_is_seen(client: Client, worker: FakeWorker) -> None:
    space = notebook("factor = 2\ndef f(x): return factor * x")
    with Executor(client=client) as executor:
        assert executor.submit(space["f"], 4).result(10) == 8
        space["factor"] = 3
        assert executor.submit(space["f"], 4).result(10) == 12
        space["factor"] = 2
        assert executor.submit(space["f"], 4).result(10) == 8


def test_submitting_leaves_alone_what_the_name_means(client: Client, worker: FakeWorker) -> None:
    space = notebook("def f(x): return x + 1")
    registered = client.register_function(space["f"])
    with Executor(client=client) as executor:
        assert executor.submit(space["f"], 1).result(10) == 2
        changed = notebook("def f(x): return x + 2")["f"]
        assert executor.submit(changed, 1).result(10) == 3
        assert list(executor.map(changed, [1, 2], chunksize=2)) == [3, 4]
        assert executor.submit(lambda x: -x, 1).result(10) == -1
        assert executor.submit("f", 1).result(10) == 2
    assert client.functions() == [registered]
    hidden = [f for f in client.functions(anonymous=True) if f.anonymous]
    assert {f.name for f in hidden} == {"f", "<lambda>"}
    assert next(bundle.header["function"] for bundle in worker.state.bundles.values()) == (
        registered.id
    ), "what is registered with the same code runs as that"
