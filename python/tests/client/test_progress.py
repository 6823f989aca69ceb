"""Progress bars: what is counted, and who sees one."""

from __future__ import annotations

import builtins
import concurrent.futures
from typing import Any

import pytest

from yonder.client.client import Client
from yonder.client.executor import Executor
from yonder.client.progress import Tally, as_completed

from .fake_worker import FakeWorker


def double(x: int) -> int:
    return 2 * x


Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("chunksize", [1, 7])
def test_a_map_counts_its_calls(
    client: Client, worker: FakeWorker, capsys: Capture, chunksize: int
) -> None:
    with Executor(client=client) as executor:
        found = executor.map(double, range(20), chunksize=chunksize, progress=True)
        assert list(found) == [2 * n for n in range(20)]
    shown = capsys.readouterr().err
    assert "double" in shown
    assert "20/20" in shown


@pytest.mark.parametrize("progress", [None, False])
def test_short_or_unwanted_there_is_none(
    client: Client,
    worker: FakeWorker,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    progress: bool,
) -> None:
    monkeypatch.setattr("yonder.client.progress._seen", lambda: True)
    with Executor(client=client) as executor:
        list(executor.map(double, range(20), progress=progress))
    assert capsys.readouterr().err == ""


def test_what_was_done_before_it_is_shown_counts(capsys: Capture) -> None:
    tally = Tally(3, "early")
    tally.add(2)
    with tally.shown(True):
        tally.add()
    tally.add()  # after the end is no harm
    assert "3/3" in capsys.readouterr().err


def test_as_completed(capsys: Capture) -> None:
    futures: list[concurrent.futures.Future[int]] = [concurrent.futures.Future() for _ in "abc"]
    for future in futures:
        future.set_result(1)
    assert set(as_completed([*futures, futures[0]], progress=True)) == set(futures)
    assert "3/3" in capsys.readouterr().err


def test_without_tqdm(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Nobody needs it: a line that counts takes its place."""
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith(("tqdm", "joblib")):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with Tally(1).shown(None):
        pass
    assert capsys.readouterr().err == ""
    tally = Tally(2, "double")
    with tally.shown(True):
        tally.add(2)
    assert capsys.readouterr().err.splitlines()[-1] == "double: 2/2 calls"
    monkeypatch.setattr("yonder.client.progress._seen", lambda: True)
    with tally.shown(None):
        tally.add()
    assert capsys.readouterr().err == "", "too short to be shown"
    import yonder

    with pytest.raises(ImportError, match=r"pip install 'yonder\[joblib\]'"):
        yonder.register_joblib()
