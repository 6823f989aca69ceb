"""What cannot travel is refused when it is captured, and the message says what to do."""

from __future__ import annotations

import importlib.util
import json
import sys
import textwrap
import warnings
from pathlib import Path
from typing import Any

import pytest

from programs import refused
from yonder import capture, codec
from yonder.capture.namespace import Namespace
from yonder.errors import CaptureError, CodecMismatch, PackError, RestoreError, SameMinorWarning


@pytest.mark.parametrize(
    ("fn", "message"),
    [
        (refused.uses_lock, r"cannot pickle '_thread.lock' object: .* make it inside the function"),
        (refused.calls_one_that_uses_lock, r"global 'LOCK', used by programs.refused:uses_lock"),
        (refused.uses_open_file, r"at \['log'\]\[0\]: open the file inside the function"),
        (refused.uses_big_value, r"\d+.\d MiB .* pass the data as an argument"),
        (refused.uses_file, r"uses __file__, and there is no such file on the worker"),
        (refused.uses_class_without_statement, r"no source for class .*Anonymous.* `class`"),
        (refused.takes_generator_default, r"'generator' object.* pass a list of its items"),
        (refused.uses_local_class, r"uses 'size' of the function around it: define the class"),
        (refused.uses_nested_manager, r"made by contextlib.* define it at module level"),
        (refused.uses_made_module, r"'made_at_run_time' cannot be imported by a worker"),
        (refused.uses_client, r"a Client of yonder stays with the client"),
        (3, r"'int' cannot be called"),
    ],
)
def test_message_says_what_to_do(fn: Any, message: str) -> None:
    with pytest.raises(CaptureError, match=f"(?s){message}"):
        capture.capture(fn)


def module_from(path: Path, text: str) -> Any:
    """A project's module, imported from a file."""
    path.write_text(textwrap.dedent(text))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def test_module_that_makes_a_client_does_not_travel(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "app_y.py").write_text("from programs.refused import Client\nclient = Client()\n")
    module = module_from(tmp_path / "user_y.py", "import app_y\ndef f(): return app_y.client")
    with pytest.raises(CaptureError, match="'app_y' would travel .* makes a Client .*'client'"):
        capture.capture(module.f)


def test_edited_function_travels_as_it_was_loaded(tmp_path: Path) -> None:
    module = module_from(tmp_path / "edited_f.py", "def f(x):\n    return x + 1\n")
    (tmp_path / "edited_f.py").write_text("def f(x):\n    return x + 100\n")
    with pytest.warns(SameMinorWarning, match="is not what was loaded"):
        captured = capture.capture(module.f)
    assert captured.python == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert capture.restore(captured.body)(1) == 2


def test_edited_class_is_refused(tmp_path: Path) -> None:
    module = module_from(tmp_path / "edited_c.py", "class C:\n    def f(self): return 1\n")
    (tmp_path / "edited_c.py").write_text("class C:\n    def f(self): return 200\n")
    with pytest.raises(CaptureError, match="no source for class edited_c.C as it is now"):
        capture.capture(module.C)


def test_edited_module_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "tools_z.py").write_text("def g(): return 1\n")
    module = module_from(tmp_path / "user_z.py", "import tools_z\ndef f(): return tools_z.g()\n")
    (tmp_path / "tools_z.py").write_text("def g(): return 3000\n")
    with pytest.raises(CaptureError, match="'g' in module 'tools_z' .*importlib.reload"):
        capture.capture(module.f)


def without_source() -> Any:
    """A function whose source Python does not keep."""
    namespace: dict[str, Any] = {"__name__": "nowhere_at_all", "step": 5}
    exec("def f(x, *, y=2):\n    return [x + i + step for i in range(y)]\n", namespace)
    return namespace["f"]


def test_bytecode_is_for_one_minor_version() -> None:
    with pytest.warns(SameMinorWarning, match="'f' travels as bytecode and runs on Python 3"):
        captured = capture.capture(without_source())
    assert captured.python
    assert "no source" in captured.reasons[0]
    assert capture.restore(captured.body)(1) == [6, 7]
    # Elsewhere it is refused before any of it is loaded.
    bundle = json.loads(captured.body)
    bundle["only"] = "3.1"
    bundle["nodes"] = "not even looked at"
    with pytest.raises(
        CodecMismatch, match="bytecode of Python 3.1 .* use a worker with Python 3.1"
    ):
        capture.restore(json.dumps(bundle).encode())


def test_bytecode_among_arguments_is_for_one_minor_version() -> None:
    payload = bytearray(codec.pack_args([without_source()]))
    prefix = codec.read_prefix(payload)
    assert prefix.only
    assert prefix.python == f"{sys.version_info[0]}.{sys.version_info[1]}"
    ((fn,), _) = codec.unpack_args(payload)
    assert fn(1) == [6, 7]
    payload[5] ^= 1  # another minor version
    payload[8:] = b"not even looked at"
    with pytest.raises(CodecMismatch, match="carries bytecode of Python"):
        codec.unpack_args(payload)


def test_missing_module_is_named_on_the_worker() -> None:
    captured = capture.capture(refused.point)
    bundle = json.loads(captured.body)
    bundle["nodes"].insert(0, {"id": "x", "k": "import", "module": "not_installed_here"})
    with pytest.raises(RestoreError, match="no module 'not_installed_here' .* install it"):
        capture.restore(json.dumps(bundle).encode())


def test_newer_syntax_is_named_on_the_worker() -> None:
    captured = capture.capture(refused.point)
    bundle = json.loads(captured.body)
    for node in bundle["nodes"]:
        if node["k"] == "function":
            node["text"] = "def point(p):\n    return p ??= 1\n"
    bundle["python"] = "3.99"
    with pytest.raises(
        RestoreError, match=r"point: it uses syntax newer than Python 3.*Python 3.99"
    ):
        capture.restore(json.dumps(bundle).encode())


def test_argument_is_named() -> None:
    with pytest.raises(PackError, match=r"argument 1 \('lock'\) .*_thread.lock.* at \['a'\]"):
        codec.pack_args([1, {"a": refused.LOCK}], names=["x", "lock"])
    with pytest.raises(PackError, match="argument 'k' .*open the file inside"):
        codec.pack_args([], {"k": sys.stderr})
    with pytest.raises(PackError, match="call 1: argument 0 .*pass a list"):
        codec.pack_chunk([((1,), {}), ((iter_of(1),), {})])


def iter_of(n: int) -> Any:
    return (i for i in range(n))


def test_class_defined_anew_is_refused_by_the_worker() -> None:
    """One name must not mean two things: that is how wrong answers are made."""
    function = capture.restore(capture.capture(refused.point).body)
    payload = codec.pack_args([refused.Point(1)])
    with function.active():
        (p,), _ = codec.unpack_args(payload, function)
        assert codec.unpack_value(codec.pack_value(function(p))).x == 2
    at = payload.index(b"x: int = 0")
    other = payload[:at] + b"x: int = 9" + payload[at + 10 :]
    with function.active(), pytest.raises(CodecMismatch, match="'Point' has changed since 'point'"):
        codec.unpack_args(other, function)


def test_arguments_may_bring_another_version_if_the_function_has_none() -> None:
    """Two payloads that contradict each other, but not the function, are both served."""
    function = capture.restore(capture.capture(takes).body)
    payload = codec.pack_args([refused.Point(1)])
    at = payload.index(b"x: int = 0")
    other = payload[:at] + b"x: int = 9" + payload[at + 10 :]
    for data, default in ((payload, 0), (other, 9), (payload, 0)):
        with function.active():
            args, _ = codec.unpack_args(data, function)
            assert function(*args) == (1, default)


def takes(p: Any) -> Any:
    return p.x, type(p)().x


def test_damaged_bodies_are_refused() -> None:
    body = capture.capture(takes).body
    for data in (b"", b"{}", b"[]", body[:-1], b"\xff" + body, b'{"yonder":2}', b'{"yonder":1}'):
        with pytest.raises(CodecMismatch):
            capture.restore(data)


def test_nothing_is_left_in_sys_modules() -> None:
    before = dict(sys.modules)
    function = capture.restore(capture.capture(refused.point).body)
    with function.active():
        assert sys.modules["programs.refused"] is not refused
    assert sys.modules["programs.refused"] is refused
    assert {k: v for k, v in sys.modules.items() if before.get(k, v) is not v} == {}
    assert not any(isinstance(f, Namespace) for f in sys.meta_path)


def test_warnings_are_for_bytecode_only() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert capture.capture(takes).python is None
