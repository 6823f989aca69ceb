"""Programs: what they import, how they end, and what is left after a fork."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Callable, Optional

import pytest

from .fake_faults import Gate
from .fake_service import FakeService
from .fake_worker import FakeWorker

Start = Callable[..., "subprocess.Popen[str]"]

SOURCE = str(Path(__file__).parents[2] / "src")


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts a program with the service that it is to use. From a file: functions need source."""

    def start(program: str, service: Optional[FakeService] = None) -> subprocess.Popen[str]:
        return _start(tmp_path / "program.py", program, service)

    return start


def _start(path: Path, program: str, service: Optional[FakeService]) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": SOURCE}
    if service is not None:
        environ.update(YONDER_URL=service.url, YONDER_TOKEN=service.state.token)
    path.write_text(textwrap.dedent(program))
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(path)],
        env=environ,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def finished(process: subprocess.Popen[str]) -> str:
    """What a program has written that ends well."""
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    return output


def test_imports_are_lazy(start: Start) -> None:
    process = start(
        """
        import sys, yonder
        assert not {"urllib3", "websockets", "asyncio", "concurrent.futures"} & set(sys.modules)
        assert {"Client", "Executor"} <= set(dir(yonder))
        import yonder.errors
        assert "urllib3" not in sys.modules
        yonder.Client, yonder.Executor, yonder.Future, yonder.RemoteError
        assert "urllib3" in sys.modules
        assert "websockets" not in sys.modules
        import yonder.client
        for name in yonder.__all__:
            getattr(yonder, name)
        try:
            yonder.nonsense
        except AttributeError as error:
            print(error)
        """
    )
    output = finished(process)
    assert "no attribute 'nonsense'" in output


def test_the_end_of_a_program_waits_for_acceptance(service: FakeService, start: Start) -> None:
    gate = Gate()
    service.fault("POST", "/v1/bundles", gate)
    process = start(
        """
        import yonder
        executor = yonder.Executor()
        for i in range(10):
            executor.submit(lambda x: x, i)
        print("submitted")
        """,
        service,
    )
    assert gate.entered.wait(30)
    assert process.stdout is not None
    assert process.stdout.readline() == "submitted\n"
    gate.open.set()
    output, _ = process.communicate(timeout=30)
    assert (process.returncode, output) == (0, "")
    assert sum(b.header["tasks"] for b in service.state.bundles.values()) == 10


def test_the_end_of_a_program_does_not_wait_for_results(service: FakeService, start: Start) -> None:
    process = start(
        """
        import yonder
        future = yonder.Executor().submit(lambda: 1)
        future.accepted.result(10)
        """,
        service,
    )
    finished(process)
    assert len(service.state.bundles) == 1


def test_a_program_ends_without_the_service(service: FakeService, start: Start) -> None:
    process = start(
        """
        import logging, sys, yonder
        logging.basicConfig(format="%(message)s")
        client = yonder.Client(patience=0.2)
        executor = yonder.Executor(client=client)
        print("ready", flush=True)
        sys.stdin.readline()
        executor.submit(lambda: 1)
        """,
        service,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "ready\n"
    service.stop()
    process.communicate("go on\n", timeout=30)
    assert process.returncode == 0
    service.start()


def test_a_program_that_fails(service: FakeService, worker: FakeWorker, start: Start) -> None:
    process = start(
        """
        import yonder
        with yonder.Executor() as executor:
            executor.submit(lambda: 1 // 0).result(20)
        """,
        service,
    )
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert output.count("ZeroDivisionError") >= 2  # here, and in the remote traceback
    assert "RemoteTraceback" in output


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork(service: FakeService, worker: FakeWorker, start: Start) -> None:
    gate = Gate()
    service.fault("POST", "/v1/bundles", lambda handler: None, gate)
    process = start(
        """
        import os, warnings, yonder
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
        warnings.simplefilter("ignore", ResourceWarning)  # of the parent's connections
        executor = yonder.Executor()
        assert executor.submit(lambda: 1).result(20) == 1
        held = executor.submit(lambda: "held")
        input()  # until it is being sent
        pid = os.fork()
        if pid == 0:
            try:
                held.result(1)
            except yonder.YonderError as error:
                print("child:", "belongs to process" in str(error))
            print("child:", executor.submit(lambda: 2).result(20), flush=True)
            executor.shutdown()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        print("waited", flush=True)
        print("parent:", held.result(20))
        print("parent:", executor.submit(lambda: 3).result(20))
        """,
        service,
    )
    assert gate.entered.wait(30)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    lines = [process.stdout.readline() for _ in range(3)]
    gate.open.set()
    lines += finished(process).splitlines(keepends=True)
    assert "".join(lines).split("\n") == [
        "child: True",
        "child: 2",
        "waited",
        "parent: held",
        "parent: 3",
        "",
    ]
