"""A real zygote with real workers."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from yonder import capture, codec, wire
from yonder.worker.board import SIZE

TASK = "0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000"
SOURCE = Path(__file__).parents[2] / "src"
START = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from yonder.worker.zygote import main
sys.exit(main(sys.argv[1:]))
"""


def nap(path):
    import os
    import time

    with open(path, "w") as file:
        file.write(str(os.getpid()))
    time.sleep(600)  # workload


class Host:
    """A socket with a zygote."""

    def __init__(self, tmp_path):
        self.dir = tmp_path
        self.open = []
        self.listener = socket.socket(socket.AF_UNIX)
        # Not tmp_path, which may be too long for a socket.
        self.sockets = tempfile.TemporaryDirectory(prefix="z")
        path = f"{self.sockets.name}/s"
        self.listener.bind(path)
        self.listener.listen()
        self.listener.settimeout(30)
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-c", START, str(SOURCE), "--socket", path],
            stderr=subprocess.PIPE,
        )
        self.zygote, hello = self.accept()
        assert hello["role"] == "zygote"
        assert hello["pid"] == self.process.pid

    def accept(self):
        conn, _ = self.listener.accept()
        conn.settimeout(30)
        self.open.append(conn)
        stream = wire.Stream(conn)
        return stream, stream.recv().header

    def fork(self, name):
        work = self.dir / name
        work.mkdir()
        for pipe in ("out", "err"):
            (work / pipe).touch()
        (work / "progress").write_bytes(bytes(SIZE))
        request = {
            "worker": name, "stdout": str(work / "out"), "stderr": str(work / "err"),
            "dir": str(work), "progress": str(work / "progress"),
            "kept": str(work / "kept"),
            "claims": str(work / "claims"),
        }  # fmt: skip
        self.zygote.send(wire.Kind.FORK, request)
        stream, hello = self.accept()
        assert (hello["role"], hello["worker"]) == ("worker", name)
        return stream, hello["pid"]

    def close(self):
        for each in (*self.open, self.listener):
            each.close()
        assert self.process.wait(30) is not None
        self.process.stderr.close()
        self.sockets.cleanup()


@pytest.fixture
def host(tmp_path):
    made = Host(tmp_path)
    yield made
    made.close()


def start_nap(stream, path):
    body = capture.capture(nap)
    stream.send(wire.Kind.LOAD, {"function": body.hash}, [body.body])
    header = {
        "run": 1, "function": body.hash, "form": "each", "codec": "pickle",
        "lo": 0, "hi": 1, "total": 1, "task": TASK, "attempt": 1, "inline": 1000,
    }  # fmt: skip
    stream.send(wire.Kind.RUN, header, [codec.pack_args((str(path),), {})])


def exit_of(host):
    header = host.zygote.recv().header
    assert header.pop("memory_kib") > 1000
    return header


def test_exits_are_told(host):
    first, pid = host.fork("w1")
    _, other = host.fork("w2")
    assert os.getpgid(pid) == pid
    first.sock.close()
    assert exit_of(host) == {"worker": "w1", "pid": pid, "code": 0, "signal": 0}
    os.kill(other, signal.SIGTERM)
    assert exit_of(host) == {"worker": "w2", "pid": other, "code": -1, "signal": 15}


@pytest.mark.parametrize("end", ["connection", "kill"])
def test_workers_end_with_the_zygote(host, end, tmp_path):
    stream, pid = host.fork("w1")
    start_nap(stream, tmp_path / "pid")
    process = os.pidfd_open(pid)
    if end == "kill":
        host.process.kill()
    else:
        host.zygote.sock.close()
    # The worker cannot answer: its end is all that ends the stream.
    with contextlib.suppress(ConnectionResetError):
        assert stream.recv() is None
    host.process.wait(30)
    assert select.select([process], [], [], 30)[0], "it runs on"
    os.close(process)


def test_nonsense_ends_the_zygote(host):
    host.zygote.send(wire.Kind.RAN, {})
    assert host.process.wait(30) == 1
    assert b"a zygote takes fork frames" in host.process.stderr.read()
