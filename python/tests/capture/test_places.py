"""Functions from places other than files: notebooks, the prompt, -c, stdin."""

from __future__ import annotations

import ast
import linecache
import sys
import textwrap
import types
from collections.abc import Iterator
from typing import Any

import pytest

from interpreters import MINORS, interpreters, run
from yonder import capture, codec
from yonder.errors import CodecMismatch


class Notebook:
    """What IPython does with cells, as far as it matters here."""

    def __init__(self, module: types.ModuleType) -> None:
        self.names = vars(module)
        self.names.update(In=[""], get_ipython=lambda: None)

    def time(self, cell: str) -> None:
        """A cell that begins with %%time."""
        cell = textwrap.dedent(cell)
        self.names["In"].append(f"get_ipython().run_cell_magic('time', '', {cell!r})\n")
        exec(compile(cell, "<timed exec>", "exec", dont_inherit=True), self.names)

    def run(self, cell: str) -> None:
        cell = textwrap.dedent(cell)
        count = len(self.names["In"])
        self.names["In"].append(cell)
        name = f"<ipython-input-{count}-{hash(cell) & 0xFFFFFF:x}>"
        lines = cell.splitlines(keepends=True)
        linecache.cache[name] = (len(cell), None, lines, name)
        for statement in ast.parse(cell).body:  # one by one
            module = ast.Module([statement], [])
            exec(compile(module, name, "exec", dont_inherit=True), self.names)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    module = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    yield Notebook(module)
    for name in [name for name in linecache.cache if name.startswith("<ipython-input-")]:
        del linecache.cache[name]


def there_and_back(fn: Any, *args: Any) -> Any:
    captured = capture.capture(fn)
    assert captured.python is None
    function = capture.restore(captured.body)
    payload = codec.pack_args(args)
    with function.active():
        given, _ = codec.unpack_args(payload, function)
        result = codec.pack_value(function(*given))
    return codec.unpack_value(result)


CELLS = """
    from dataclasses import dataclass
    import math

    LIMIT = 4

    @dataclass
    class Point:
        x: int
"""


def test_cells_see_each_other(notebook: Notebook) -> None:
    notebook.run(CELLS)
    notebook.run("def f(p):\n    return [Point(math.floor(p.x) + LIMIT)]\n")
    point = notebook.names["Point"]
    assert there_and_back(notebook.names["f"], point(1.5)) == [point(5)]


IMPORTS = """
    import math

    def f(x):
        return math.floor(x)

    class Point:
        def __init__(self, x):
            self.x = x

        def floor(self):
            return math.floor(self.x)

    def g(p):
        import math
        return math.ceil(p.x), p.floor()
"""


def test_a_cell_that_imports_what_its_functions_use(notebook: Notebook) -> None:
    notebook.run(IMPORTS)
    assert there_and_back(notebook.names["f"], 1.5) == 1
    assert there_and_back(notebook.names["g"], notebook.names["Point"](1.5)) == (2, 1)


def test_a_cell_that_is_timed(notebook: Notebook) -> None:
    notebook.time(IMPORTS)
    notebook.time("\n\ndef other():\n    pass\n")
    assert there_and_back(notebook.names["f"], 1.5) == 1
    assert there_and_back(notebook.names["g"], notebook.names["Point"](1.5)) == (2, 1)


def test_class_without_methods_is_the_newest_cell(notebook: Notebook) -> None:
    notebook.run(CELLS)
    notebook.run("@dataclass\nclass Point:\n    x: int\n    y: int = 2\n")
    notebook.run("def f(p):\n    return p, Point(1).y\n")
    point = notebook.names["Point"]
    assert there_and_back(notebook.names["f"], point(1)) == (point(1), 2)
    notebook.run(CELLS)  # the first cell once more
    notebook.run("def f(p):\n    return p, hasattr(Point(1), 'y')\n")
    point = notebook.names["Point"]
    assert there_and_back(notebook.names["f"], point(1)) == (point(1), False)


def test_instance_of_a_class_defined_anew_is_refused(notebook: Notebook) -> None:
    notebook.run(CELLS)
    old = notebook.names["Point"](1)
    notebook.run(CELLS)
    with pytest.raises(Exception, match="make the objects again"):
        codec.pack_args([old])


def test_changed_cell_needs_registering_again(notebook: Notebook) -> None:
    notebook.run(CELLS)
    notebook.run("def f(p):\n    return Point(1)\n")
    function = capture.restore(capture.capture(notebook.names["f"]).body)
    notebook.run("@dataclass\nclass Point:\n    x: float\n")
    payload = codec.pack_args([notebook.names["Point"](1)])
    with function.active(), pytest.raises(CodecMismatch, match="'Point' .* register the function"):
        codec.unpack_args(payload, function)


def test_hash_does_not_depend_on_the_cell_number(notebook: Notebook) -> None:
    cell = "def f(x):\n    return x\n"
    notebook.run(cell)
    first = capture.capture(notebook.names["f"]).hash
    notebook.run("1 + 1")
    notebook.run(cell)
    assert capture.capture(notebook.names["f"]).hash == first


PROMPT = """
import warnings; warnings.simplefilter("ignore")
from yonder import capture
def f(x):
    return x + 1

c = capture.capture(f)
print(c.python, capture.restore(c.body)(1))
"""


@pytest.mark.parametrize("minor", MINORS)
def test_prompt(minor: str) -> None:
    """Typed in: by source where Python keeps it, else as bytecode."""
    if minor not in interpreters():
        pytest.skip(f"no Python {minor} here")
    python = "None" if MINORS.index(minor) >= MINORS.index("3.13") else minor
    assert run(minor, "-q", "-i", given=PROMPT).split()[-2:] == [python, "2"]


@pytest.mark.parametrize("minor", MINORS)
def test_stdin(minor: str) -> None:
    if minor not in interpreters():
        pytest.skip(f"no Python {minor} here")
    assert run(minor, "-", given=PROMPT).split() == [minor, "2"]
