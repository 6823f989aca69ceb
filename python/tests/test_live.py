"""The SDK over a real service and a real endpoint: what only shows there."""

from __future__ import annotations

import json
import os
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import yonder
from site_up import Gate, Site, until, wait_at
from yonder.client.client import Client
from yonder.client.executor import Executor
from yonder.client.future import Future
from yonder.errors import PackError, RemoteError, TaskFailed, WorkerFailed

Gates = Callable[[], Gate]


def shout(text: str) -> None:
    print(text)
    raise KeyError(text)


def test_an_exception_knows_where_it_comes_from(executor: Executor) -> None:
    future = executor.submit(shout, "hello")
    error = future.exception()
    assert isinstance(error, KeyError)
    remote = error.remote  # type: ignore[attr-defined]
    assert (remote.task_id, remote.attempt) == (future.task_id, 1)
    assert (remote.endpoint, remote.endpoint_name) == (executor.endpoint.id, "local")
    assert remote.worker
    assert remote.stdout == "hello\n"
    assert "raise KeyError(text)" in remote.traceback
    shown = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    assert f"task {future.task_id}, attempt 1, endpoint local, worker" in shown
    assert "its stdout ended with:\nhello" in shown


def test_a_failure_says_where(executor: Executor) -> None:
    error = executor.submit(os._exit, 3).exception()
    assert isinstance(error, TaskFailed)
    assert error.endpoint_name == "local"
    assert f"(task {error.task_id}, attempt {error.attempt}, endpoint local" in str(error)


def frames(error: BaseException) -> list[str]:
    """The files of the frames that a traceback shows, causes and contexts included."""
    chain = traceback.TracebackException.from_exception(error)
    found = []
    while chain is not None:
        found += [frame.filename for frame in chain.stack]
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
    return found


class Unfit:
    def __getstate__(self) -> None:
        raise ValueError("no state of mine")


@pytest.mark.parametrize("argument", [threading.Lock(), Unfit()], ids=["lock", "mine"])
def test_a_mistake_shows_no_frames_of_ours(executor: Executor, argument: object) -> None:
    """The caller's, the one at the border, and the user's own where it went wrong."""
    with pytest.raises(PackError) as caught:
        executor.submit(id, argument)
    ours = [name for name in frames(caught.value) if "/yonder/" in name]
    assert [Path(name).name for name in ours] == ["border.py"]
    mine = [name for name in frames(caught.value) if name == __file__]
    assert len(mine) == (2 if isinstance(argument, Unfit) else 1)


def test_a_wrong_name_shows_no_frames_of_ours(remote: Client) -> None:
    with pytest.raises(yonder.YonderError, match="there is no endpoint") as caught:
        remote.endpoint("nowhere")
    assert [Path(name).name for name in frames(caught.value) if "/yonder/" in name] == ["border.py"]


def exit_at_five(directory: str, n: int) -> int:
    import tempfile

    with tempfile.NamedTemporaryFile(prefix=f"{n}-", dir=directory, delete=False):
        pass
    if n == 5:
        os._exit(1)
    return n


def test_a_call_that_kills_its_worker_leaves_its_siblings(
    executor: Executor, tmp_path: Path
) -> None:
    """The others of the chunk have their values; few of them are run again."""
    calls = 12
    found = list(
        executor.map(
            exit_at_five, [str(tmp_path)] * calls, range(calls), chunksize=calls,
            return_exceptions=True,
        )
    )  # fmt: skip
    assert isinstance(found[5], WorkerFailed)
    assert found[:5] + found[6:] == [n for n in range(calls) if n != 5]
    runs = Counter(int(path.name.partition("-")[0]) for path in tmp_path.iterdir())
    assert runs[5] == 3, "as often as max_attempts says"
    # Quick calls that the worker had finished and not told go with it, once.
    assert all(runs[n] <= 2 for n in range(calls) if n != 5)
    assert all(runs[n] == 1 for n in range(6, calls)), "what had not begun is run once"


def fail_at_five(n: int) -> int:
    if n == 5:
        raise ValueError(n)
    return n


def test_a_call_that_fails_leaves_its_siblings(executor: Executor) -> None:
    found = list(executor.map(fail_at_five, range(12), chunksize=12, return_exceptions=True))
    assert isinstance(found.pop(5), ValueError)
    assert found == [n for n in range(12) if n != 5]


def test_another_process_takes_over(site: Site, remote: Client, gate: Gates) -> None:
    """Submitted by one program, which ends; counted, waited for and read by another."""
    shut = gate()
    program = """
import sys, yonder
def held(path):
    with open(path) as pipe:
        pipe.read()
    return "held"
executor = yonder.Executor("local", label="takeover")
executor.submit_batch(pow, [(2, n) for n in range(5)])
executor.submit(held, sys.argv[1])
print(executor.group)
"""
    done = site.python(program, shut.path)
    assert done.stderr == ""
    group = remote.group(done.stdout.strip())
    assert group.label == "takeover"
    futures = group.futures()
    assert len(futures) == 6
    shut.reached()
    until(lambda: group.counts() == {"waiting": 0, "running": 1, "succeeded": 5, "failed": 0})
    states = remote.states(futures)
    assert Counter(states.values()) == {"succeeded": 5, "started": 1}
    assert [future.running() for future in futures] == [False] * 5 + [True]
    shut.open()
    assert [future.result() for future in group.wait(progress=False)][:5] == [1, 2, 4, 8, 16]
    assert Executor.attach(group.id, remote)[5].result() == "held"


def test_what_it_waits_for(remote: Client, executor: Executor, gate: Gates) -> None:
    shut = gate()
    future: Future[str] = executor.submit(wait_at(shut))
    shut.reached()
    until(future.running)
    with pytest.raises(TimeoutError, match=f"task {future.task_id} runs since"):
        future.result(timeout=1)
    shut.open()


def test_joblib(remote: Client) -> None:
    joblib = pytest.importorskip("joblib")
    yonder.register_joblib("local", remote)
    with joblib.parallel_config("yonder"):
        found = joblib.Parallel()(joblib.delayed(fail_at_five)(n) for n in (1, 2, 3))
        assert found == [1, 2, 3]
        with pytest.raises(ValueError, match="5"):
            joblib.Parallel()(joblib.delayed(fail_at_five)(n) for n in range(20))


CELLS = [
    "import yonder\nexecutor = yonder.Executor('local')\nfactor = 2",
    "def helper(x):\n    return x * factor\n\ndef work(x):\n    return helper(x) + 1",
    "print([executor.submit(work, n).result() for n in range(3)])",
    "factor = 10",
    "print(list(executor.map(work, range(3), progress=True)))",
    "def helper(x):\n    return -x",
    "print(await executor.submit(work, 5))",
    "@yonder.function(endpoint='local')\ndef more(x):\n    return work(x) * 2\n"
    "print(more(1), more.submit(1).result())",
    "try:\n    executor.submit(divmod, 1, 0).result()\nexcept ZeroDivisionError as error:\n"
    "    print(error.remote.endpoint_name)",
]


def test_in_a_notebook(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Functions of cells travel, with what other cells made of the names they use."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    for name in list(os.environ):
        if name.startswith("YONDER_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("YONDER_HOME", str(site.home))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    nbclient.NotebookClient(book, timeout=60, kernel_name="python3").execute()
    outputs = json.loads(json.dumps([cell["outputs"] for cell in book.cells]))
    printed = [
        "".join(o["text"] for o in cell if o.get("name") == "stdout").strip() for cell in outputs
    ]
    assert printed == ["", "", "[1, 3, 5]", "", "[1, 11, 21]", "", "-4", "0 0", "local"]
    bar = outputs[4]
    assert any("work" in json.dumps(output) for output in bar), "no progress bar"


def test_a_stand_in_shows_the_remote_class(executor: Executor) -> None:
    def fail() -> None:
        class Odd(Exception):
            pass

        raise Odd("far away")

    error = executor.submit(fail).exception()
    assert isinstance(error, RemoteError)
    assert (type(error).__name__, str(error)) == ("Odd", "far away")
    assert error.endpoint_name == "local"


def nested(environ: dict[str, str]) -> int:
    """A task that submits tasks; on two slots, or it would wait for itself."""
    os.environ.update(environ)
    with yonder.Executor("local") as executor:
        return sum(executor.map(abs, [-1, -2, -3]))


def test_a_task_can_use_the_client(executor: Executor, site: Site) -> None:
    assert executor.submit(nested, {"YONDER_HOME": str(site.home)}).result(60) == 6


def connect(environ: dict[str, str]) -> None:
    os.environ.update(environ)
    yonder.Client()


def test_a_task_without_a_login_is_told_what_to_do(executor: Executor, tmp_path: Path) -> None:
    with pytest.raises(yonder.errors.InvalidConfig, match="no service is configured"):
        executor.submit(connect, {"YONDER_HOME": str(tmp_path)}).result(60)
