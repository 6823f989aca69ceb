"""A service and an endpoint in processes of their own, for all tests of a session."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yonder

from funcx import FuncXClient

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The yonder program, built from this checkout."""
    path = tmp_path_factory.mktemp("bin") / "yonder"
    subprocess.run(["go", "build", "-o", path, "./cmd/yonder"], cwd=ROOT, check=True)
    return path


@pytest.fixture(scope="session")
def environ(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a user who is logged in to a service that has the endpoint ``local``."""
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o700)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("YONDER_")}
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    environ = {**kept, "YONDER_HOME": str(home), "PATH": path}
    up = [program, "up", "--detach", "--listen", "127.0.0.1:0"]
    subprocess.run(up, env=environ, check=True)
    yield environ
    subprocess.run([program, "down"], env=environ, check=True)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def logged_in(environ: dict[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("YONDER_")]:
            patch.delenv(name)
        for name in ("YONDER_HOME", "PATH"):
            patch.setenv(name, environ[name])
        yield
        yonder.Client.default().close()


@pytest.fixture
def fxc(logged_in: None) -> FuncXClient:
    return FuncXClient()


@pytest.fixture(scope="session")
def endpoint(logged_in: None) -> str:
    """The id of the endpoint."""
    return yonder.Client.default().endpoint("local").id


@pytest.fixture
def second_endpoint(program: Path, environ: dict[str, str], logged_in: None) -> Iterator[str]:
    """Another one, for a test that needs two."""

    def run(*arguments: str) -> None:
        subprocess.run([program, "endpoint", *arguments], env=environ, check=True)

    run("configure", "second", "--slots", "1")
    run("start", "second")
    yield yonder.Client.default().endpoint("second").id
    run("stop", "second")
    run("delete", "second", "--yes")
