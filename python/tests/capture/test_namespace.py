"""Code that comes with arguments joins the function's: one name, one thing."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from yonder import capture, codec
from yonder.errors import CodecMismatch

Project = Callable[..., Any]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Makes a module of a project from its source."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name: str, text: str) -> Any:
        path = tmp_path / f"{name}.py"
        path.write_text(textwrap.dedent(text))
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return make


def call(function: capture.Restored, *args: Any) -> Any:
    payload = codec.pack_args(args)
    with function.active():
        given, kwargs = codec.unpack_args(payload, function)
        value = codec.pack_value(function(*given, **kwargs))
    return codec.unpack_value(value)


def restored(fn: Any) -> capture.Restored:
    return capture.restore(capture.capture(fn).body)


def test_same_function_in_both_is_one(project: Project) -> None:
    """Whatever the two bundles call its parts."""
    m = project(
        "same_fn",
        """
        import xml
        BASE = [1]
        def helper(x, extra=(5, [6]), *, k={"a": 1}):
            return x + BASE[0] + extra[0]
        def other(x, extra=(7, [8])):
            return helper(x) + extra[0]
        def f(fn, x):
            import xml.dom
            return fn is helper or fn is other, fn(x), other(x), xml.dom is not None
        """,
    )
    function = restored(m.f)
    assert call(function, m.helper, 1) == (True, 7, 14, True)
    assert call(function, m.other, 1) == (True, 14, 14, True)


def test_arguments_do_not_reset_globals(project: Project) -> None:
    m = project(
        "counting",
        """
        COUNT = 0
        class Thing:
            made = 0
            def total(self):
                return COUNT
        def f(thing):
            global COUNT
            COUNT += 1
            Thing.made += 1
            f.calls = getattr(f, "calls", 0) + 1
            return thing.total(), type(thing) is Thing, Thing.made, f.calls
        """,
    )
    function = restored(m.f)
    assert call(function, m.Thing()) == (1, True, 1, 1)
    assert call(function, m.Thing()) == (2, True, 2, 2)


def test_changed_constant_is_refused(project: Project) -> None:
    m = project(
        "scaling",
        """
        SCALE = 2
        class Thing:
            def scaled(self): return SCALE
        def f(thing): return thing.scaled() + SCALE
        """,
    )
    function = restored(m.f)
    assert call(function, m.Thing()) == 4
    m.SCALE = 3
    with pytest.raises(CodecMismatch, match="'SCALE' has changed since 'f' was captured"):
        call(function, m.Thing())
    assert call(restored(m.f), m.Thing()) == 6


def test_changed_class_attribute_is_refused(project: Project) -> None:
    m = project(
        "attributes",
        """
        class Config:
            rate = 1
        def f(config): return Config.rate, config.rate
        """,
    )
    function = restored(m.f)
    assert call(function, m.Config()) == (1, 1)
    m.Config.rate = 2
    with pytest.raises(CodecMismatch, match="'Config' has changed"):
        call(function, m.Config())


def test_changed_closure_is_refused(project: Project) -> None:
    m = project(
        "closing",
        """
        def make(n):
            def inner(x): return x + n
            return inner
        step = make(1)
        class Thing:
            def go(self): return step(0)
        def f(thing): return thing.go(), step(10)
        """,
    )
    function = restored(m.f)
    assert call(function, m.Thing()) == (1, 11)
    m.step = m.make(2)
    with pytest.raises(CodecMismatch, match="'step' has changed"):
        call(function, m.Thing())


def test_module_that_comes_whole_replaces_its_definitions(project: Project) -> None:
    """The function has one definition of it, an argument imports all of it."""
    project(
        "base_w",
        """
        from dataclasses import dataclass
        @dataclass
        class Item:
            size: int
            def twice(self): return Item(self.size * 2)
        """,
    )
    user = project(
        "user_w",
        """
        from base_w import Item
        def f(fn, item):
            return fn(item), isinstance(fn(item), Item), type(item) is Item
        """,
    )
    third = project(
        "third_w",
        """
        import base_w
        def g(item): return base_w.Item(item.size + 1).twice()
        """,
    )
    function = restored(user.f)
    item = sys.modules["base_w"].Item
    assert call(function, third.g, item(1)) == (item(4), True, True)
    assert call(function, third.g, item(2)) == (item(6), True, True)


def test_whole_module_and_its_definitions_are_the_same(project: Project) -> None:
    project("both_b", "def g(x): return x\nclass C:\n    pass\n")
    m = project(
        "both_u",
        """
        import both_b
        from both_b import C, g
        def f(c): return both_b.g is g, both_b.C is C, type(c) is C
        """,
    )
    assert call(restored(m.f), m.C()) == (True, True, True)


def test_globals_of_no_module_are_each_their_own(project: Project) -> None:
    m = project("plain_p", "def f(a, b): return a(), b()\n")

    def made(value: int) -> Any:
        space: dict[str, Any] = {"value": value, "__name__": "made_up"}
        exec("def get(): return value", space)
        return space["get"]

    with pytest.warns(UserWarning, match="bytecode"):
        function = restored(made(1))
    assert function() == 1
    assert call(restored(m.f), made(2), made(3)) == (2, 3)


def test_dataclass_fields_stay_as_written(project: Project) -> None:
    m = project(
        "fields_d",
        """
        from dataclasses import dataclass, field
        N = 3
        @dataclass
        class D:
            a: int = field(default=N, repr=False)
            b: int = N + 1
            c: list = field(default_factory=list)
        N = 3
        def f(): return repr(D()), D(), D(1).b
        """,
    )
    got = call(restored(m.f))
    assert got == (repr(m.D()), m.D(), 4)
    assert dataclasses.fields(got[1])[0].repr is False


def test_what_a_class_attribute_was_computed_from_may_change(project: Project) -> None:
    m = project(
        "computed_c",
        """
        N = 3
        class C:
            size = N * 2
            _private = 1
            def m(self, n=N): return n
        N = 100
        C._private = 2
        C._late = 5
        def f(): return C.size, C().m(), C._private, C._late
        """,
    )
    assert call(restored(m.f)) == (6, 3, 2, 5)


def test_object_of_a_librarys_decorator_is_made_again(project: Project) -> None:
    m = project(
        "decorated_d",
        """
        import functools, threading
        def library(fn):
            class Guarded:
                def __init__(self):
                    self.lock = threading.Lock()
                    functools.update_wrapper(self, fn)
                def __call__(self, x):
                    with self.lock:
                        return fn(x)
            return Guarded()
        @library
        def guarded(x): return x + 1
        def f(x): return guarded(x)
        """,
    )
    assert call(restored(m.f), 1) == 2


def test_processes_of_the_function_see_its_names(project: Project) -> None:
    m = project(
        "processes_p",
        """
        import multiprocessing
        def square(x): return x * x
        def f(n):
            with multiprocessing.get_context("fork").Pool(2) as pool:
                return pool.map(square, range(n))
        """,
    )
    assert call(restored(m.f), 4) == [0, 1, 4, 9]


def test_long_chains_of_functions_are_not_too_deep(project: Project) -> None:
    chain = "".join(f"def f{i}(x): return f{i + 1}(x)\n" for i in range(400))
    m = project("chain_c", chain + "def f400(x): return x\n")
    assert call(restored(m.f0), 3) == 3


def test_form_feeds_are_no_lines(project: Project) -> None:
    m = project(
        "feeds_f", "def g():\n    return 'a\x0cb'\n\x0c\ndef f():\n    return g() + '\\x0c'\n"
    )
    assert call(restored(m.f)) == "a\x0cb\x0c"
