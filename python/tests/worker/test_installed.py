"""A worker from its archive, and the package that its interpreter has or does not have."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import yonder
from interpreters import SRC

# What a worker does with a task that imports the client.
PROGRAM = """
import sys
sys.path[:0] = [{archive!r}]
sys.path.append({site!r})
from yonder.worker import advice, installed, zygote
sys.meta_path.append(installed.ClientFinder())
import yonder
try:
    print(yonder.Executor, yonder.client.__file__)
except ModuleNotFoundError as error:
    advice.advise(error)
    print(error, *error.__notes__)
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    file = tmp_path / "worker.pyz"
    with zipfile.ZipFile(file, "w") as zipped:
        for path in sorted((SRC / "yonder").rglob("*.py")):
            name = path.relative_to(SRC)
            if "client" not in name.parts:
                zipped.write(path, name)
    return file


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site-packages"


def work(archive: Path, site: Path) -> str:
    # -S: without what is installed here; the client's own libraries are not loaded yet.
    program = PROGRAM.format(archive=str(archive), site=str(site))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_without_the_package(archive: Path, site: Path) -> None:
    said = work(archive, site)
    assert "No module named 'yonder.client'" in said
    assert "has a worker's part of yonder only" in said
    assert f"-m pip install yonder=={yonder.__version__}" in said


def test_with_another_version(archive: Path, site: Path) -> None:
    (site / "yonder").mkdir(parents=True)
    (site / "yonder" / "__init__.py").write_text('__version__ = "0.0.9"\n')
    said = work(archive, site)
    assert f"has yonder 0.0.9, and the endpoint is of version {yonder.__version__}" in said


def test_with_the_package(archive: Path, site: Path) -> None:
    shutil.copytree(SRC / "yonder", site / "yonder")
    for library in ("urllib3", "websockets"):
        (site / library).symlink_to(Path(__import__(library).__file__).parent)  # type: ignore[arg-type]
    said = work(archive, site)
    assert "yonder.client.executor.Executor" in said
    assert str(site) in said
