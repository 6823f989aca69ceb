"""Who loads what: a worker runs on the standard library alone."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from interpreters import SRC, interpreters, run

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
MODULES = "import sys, {what}; print(*sorted(sys.modules))"


def loaded(what: str) -> set[str]:
    if MINOR not in interpreters():
        pytest.skip(f"no bare Python {MINOR}")
    return set(run(MINOR, "-c", MODULES.format(what=what)).split())


def test_package_loads_nothing() -> None:
    assert {name for name in loaded("yonder") if name.startswith("yonder")} == {"yonder"}


def test_worker_side_needs_no_other_package() -> None:
    """Neither the client's libraries nor the capturing half, which is slow to load."""
    found = loaded("yonder.codec, yonder.capture")
    assert not found & {"urllib3", "websockets", "tqdm", "cloudpickle", "asyncio"}
    assert not found & {"yonder.client", "yonder.capture.graph", "yonder.capture.captured"}


def test_public_names_are_found() -> None:
    import yonder

    assert set(dir(yonder)) >= {"capture", "codec", "errors", "YonderError"}
    assert issubclass(yonder.CaptureError, yonder.PackError)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = yonder.nothing


@pytest.mark.parametrize("side", ["client", "worker", "codec", "capture"])
def test_sides_do_not_import_each_other(side: str) -> None:
    """client -> codec <- worker; capture and codec know neither."""
    forbidden = {"client": ["worker"], "worker": ["client"]}.get(side, ["client", "worker"])
    for path in sorted((SRC / "yonder" / side).rglob("*.py")):
        found = [
            n for n in imported(path) for other in forbidden if n.startswith(f"yonder.{other}")
        ]
        assert not found, f"{path.name} imports {found}"


def imported(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names
