"""The worker's loop, driven over a socket as a manager does."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from yonder import capture, codec, wire
from yonder.context import current_task
from yonder.worker import calls, functions, stdio
from yonder.worker.board import SIZE, Board
from yonder.worker.kept import Kept
from yonder.worker.loop import Loop

TASK = "0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000"


def add(a, b):
    return a + b


def whoami():
    from yonder.context import current_task

    task = current_task()
    return task.id, task.attempt, os.getcwd()


def evens(x):
    if x % 2:
        raise ValueError(x)
    return x


def slow(seconds):
    time.sleep(float(seconds))  # workload
    return seconds


async def later(x):
    return x + 1


def big(size):
    return b"x" * size


def closes_stdout():
    import sys

    sys.stdout.close()


class Around:
    """Surroundings of a loop in a thread of the tests, which must not be disturbed."""

    def __init__(self, directory):
        self.directory = str(directory)

    def restore(self):
        os.chdir(self.directory)

    def learn(self):
        pass

    def check(self):
        pass

    def spent(self):
        return False


def make_loop(far, directory, board):
    kept, claims = Kept(str(directory / "kept")), str(directory / "claims")
    return Loop(wire.Stream(far), Around(directory), board, kept, claims)


class Manager:
    """The other end of a worker's connection."""

    def __init__(self, directory):
        near, self.far = socket.socketpair()
        self.stream = wire.Stream(near)
        self.board = Board(memoryview(bytearray(SIZE)))
        self.loop = make_loop(self.far, directory, self.board)
        self.loop.teller.patience = 60.0  # on a busy machine every call may be slow
        self.thread = threading.Thread(target=self.loop.serve)
        self.thread.start()
        self.runs = 0
        self.yields = []  # (index, number, payload)

    def load(self, function):
        captured = capture.capture(function)
        header = {"function": captured.hash}
        self.stream.send(wire.Kind.LOAD, header, [captured.body])
        return captured.hash

    def send(self, name, columns, **more):
        self.runs += 1
        header = {
            "run": self.runs, "function": name, "form": "each", "codec": "pickle", "lo": 0,
            "hi": len(columns), "total": len(columns), "task": TASK, "attempt": 3, "inline": 10_000,
        }  # fmt: skip
        self.stream.send(wire.Kind.RUN, {**header, **more}, columns)

    def frame(self):
        """The next report; values of generators before it are kept."""
        while True:
            frame = self.stream.recv()
            if frame.kind != wire.Kind.YIELD:
                assert frame.kind == wire.Kind.RAN
                return frame
            self.take(frame)

    def take(self, frame):
        header = frame.header
        assert header["run"] == self.runs
        for number, column in enumerate(frame.columns, header["first"]):
            self.yields.append((header["index"], number, bytes(column)))

    def outcomes(self):
        """All entries with their payloads, to the end of the run."""
        found, frames = [], 0
        while True:
            frame = self.frame()
            header, frames = frame.header, frames + 1
            assert header["run"] == self.runs
            for at, entry in enumerate(header["entries"]):
                path = header["files"].get(str(at))
                data = Path(path).read_bytes() if path else bytes(frame.columns[at])
                found.append((entry, data))
            if header["last"]:
                return found, frames

    def call(self, function, *args, **more):
        payload = codec.pack_args(args, {}, more.get("codec", "pickle"))
        self.send(self.load(function), [payload], **more)
        ((entry, data),), _ = self.outcomes()
        return entry, data

    def close(self):
        self.stream.sock.close()
        self.thread.join()
        self.far.close()


@pytest.fixture
def manager(tmp_path):
    before = os.getcwd()
    made = Manager(tmp_path)
    yield made
    made.close()
    os.chdir(before)


def test_a_value(manager):
    entry, data = manager.call(add, 1, 2)
    assert (entry["lo"], entry["hi"], entry["outcome"], entry["form"]) == (0, 1, "ok", "each")
    assert codec.unpack_value(data) == 3
    assert 0 < entry["started_us"] <= entry["finished_us"]


@pytest.mark.parametrize("name", ["pickle", "json"])
def test_the_codec_of_the_call_is_the_results(manager, name):
    _, data = manager.call(add, "a", "b", codec=name)
    assert codec.unpack_value(data) == "ab"
    assert data[2:3] == name[:1].encode()


def test_a_coroutine_is_run(manager):
    _, data = manager.call(later, 1)
    assert codec.unpack_value(data) == 2


def test_many_calls_in_order(manager):
    name = manager.load(evens)
    manager.send(name, [codec.pack_args((i,), {}) for i in range(5)], lo=10, hi=15)
    found, _ = manager.outcomes()
    assert [(e["lo"], e["outcome"]) for e, _ in found] == [
        (10, "ok"), (11, "exception"), (12, "ok"), (13, "exception"), (14, "ok"),
    ]  # fmt: skip
    error = codec.unpack_error(found[1][1])
    assert isinstance(error, ValueError)
    assert "yonder" not in json.loads(found[1][1][8:])["traceback"]
    assert list(manager.board.where) == [1, 14]


def test_slow_calls_are_told_at_once(manager):
    name = manager.load(slow)
    manager.send(name, [codec.pack_args((s,), {}) for s in (0.01, 0.01, 0)])
    found, frames = manager.outcomes()
    assert len(found) == 3
    assert frames == 3


def held(pipe, seconds):
    import time

    time.sleep(float(seconds))  # workload
    if pipe:
        open(pipe).close()
    return seconds


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
@pytest.mark.parametrize("form", ["each", "chunk"])
def test_a_clock_that_jumps_keeps_nothing_back(manager, tmp_path, monkeypatch, form, jump):
    """What is finished is told while the next call runs, whatever the time is said to be."""
    monkeypatch.setattr(calls, "time", lambda: time.time() + jump)
    manager.stream.sock.settimeout(20)
    name, release = manager.load(held), tmp_path / "release"
    os.mkfifo(release)
    args = [("", "0.25"), (str(release), "0")]
    if form == "chunk":
        chunk = codec.pack_chunk([(a, {}) for a in args])
        manager.send(name, [chunk], form="chunk", hi=2, total=2)
    else:
        manager.send(name, [codec.pack_args(a, {}) for a in args])
    try:
        first = manager.frame()
    finally:
        release.open("w").close()  # as soon as the call waits for it
    assert [(e["lo"], e["hi"]) for e in first.header["entries"]] == [(0, 1)]
    ((entry, _),) = manager.outcomes()[0]
    assert entry["outcome"] == "ok"


def test_a_part_of_a_chunk(manager):
    name = manager.load(evens)
    chunk = codec.pack_chunk([((i,), {}) for i in (0, 2, 4, 5, 6, 8)])
    manager.send(name, [chunk], form="chunk", lo=1, hi=6, total=6)
    found, frames = manager.outcomes()
    assert frames == 1
    assert [(e["lo"], e["hi"], e["outcome"], e["form"]) for e, _ in found] == [
        (1, 3, "ok", "chunk"), (3, 4, "exception", "each"), (4, 6, "ok", "chunk"),
    ]  # fmt: skip
    assert list(codec.unpack_chunk(found[0][1])) == [2, 4]
    assert list(codec.unpack_chunk(found[2][1])) == [6, 8]


def test_a_long_chunk_is_told_in_parts(manager):
    name = manager.load(slow)
    chunk = codec.pack_chunk([((s,), {}) for s in ("0.25", "0", "0")])
    manager.send(name, [chunk], form="chunk", hi=3, total=3)
    found, frames = manager.outcomes()
    assert frames == 2
    assert [(e["lo"], e["hi"]) for e, _ in found] == [(0, 1), (1, 3)]


def failed(entry, data):
    assert entry["outcome"] == "failed"
    return json.loads(data)


def test_refusals_come_before_anything_is_loaded(manager):
    name = manager.load(add)
    bomb = b"Y1p\x01\x02\x07\x00\x00cos\nabort\n(tR."
    for column in (b"", b"x", b"Y1q\x00\x03\x0b\x00\x00", bomb):
        manager.send(name, [column])
        ((entry, data),), _ = manager.outcomes()
        assert failed(entry, data)["code"] == "codec_mismatch"


def test_a_chunk_that_cannot_be_read_fails_every_task(manager):
    name = manager.load(add)
    short = codec.pack_chunk([((1, 2), {})])
    for payload in (short, b"nonsense"):
        manager.send(name, [payload], form="chunk", lo=0, hi=3, total=3)
        found, _ = manager.outcomes()
        assert [failed(*pair)["code"] for pair in found] == ["codec_mismatch"] * 3


def test_a_function_that_cannot_be_restored(manager):
    manager.stream.send(wire.Kind.LOAD, {"function": "f"}, [b"{}"])
    for name in ("f", "never loaded"):
        manager.send(name, [codec.pack_args((), {})])
        ((entry, data),), _ = manager.outcomes()
        assert failed(entry, data)["code"] == "codec_mismatch"


def test_a_result_that_cannot_be_packed(manager):
    told = failed(*manager.call(threading.Lock))
    assert told["code"] == "unserialisable"
    assert "lock" in told["message"]


def test_large_payloads_use_files(manager, tmp_path):
    path = tmp_path / "payload"
    path.write_bytes(codec.pack_args((b"a", b"b" * 100_000), {}))
    manager.send(manager.load(add), [b""], files={"0": str(path)})
    ((_, data),), _ = manager.outcomes()
    assert len(codec.unpack_value(data)) == 100_001


def test_a_result_that_cannot_be_written(manager, tmp_path):
    (tmp_path / "result-1-0").write_text("in the way")
    told = failed(*manager.call(big, 20_000))
    assert told["code"] == "internal"
    assert "could not be written" in told["message"]


def test_the_context(manager, tmp_path):
    assert current_task() is None
    name = manager.load(whoami)
    os.chdir("/")
    manager.send(name, [codec.pack_args((), {})], lo=0x1234, hi=0x1235)
    ((_, data),), _ = manager.outcomes()
    assert codec.unpack_value(data) == (TASK[:-4] + "1234", 3, str(tmp_path))
    manager.close()
    assert current_task() is None


def test_nonsense_ends_the_worker(tmp_path):
    near, far = socket.socketpair()
    with near, far:
        wire.Stream(near).send(wire.Kind.FORK, {})
        loop = make_loop(far, tmp_path, Board(memoryview(bytearray(SIZE))))
        with pytest.raises(Exception, match="takes load and run frames"):
            loop.serve()


def test_the_function_used_least_recently_is_forgotten():
    known = functions.Functions(kept=2)
    body = capture.capture(add).body
    for name in ("a", "b"):
        known.load(name, body)
    assert known.get("a")(1, 2) == 3
    known.load("c", body)
    assert known.get("a") is known.get("a")
    with pytest.raises(Exception, match="before it was loaded"):
        known.get("b")


def test_flush_survives_a_closed_stream(monkeypatch):
    class Closed:
        def flush(self):
            raise ValueError("I/O operation on closed file")

    monkeypatch.setattr("sys.stdout", Closed())
    stdio.flush()


def quick_or_wait(gate):
    if gate:
        with open(gate) as pipe:
            pipe.read()
    return gate


@pytest.mark.parametrize("form", ["each", "chunk"])
def test_what_is_finished_does_not_wait_for_a_slow_neighbour(manager, tmp_path, form):
    """The calls before a slow one are told while it runs."""
    manager.loop.teller.patience = 0.01
    gate = str(tmp_path / "gate")
    os.mkfifo(gate)
    calls = [((None,), {}), ((None,), {}), ((gate,), {}), ((None,), {})]
    columns = [codec.pack_args(*call) for call in calls]
    if form == "chunk":
        columns = [codec.pack_chunk(calls)]
    manager.send(manager.load(quick_or_wait), columns, form=form, hi=4, total=4)
    told = 0
    while told < 2:
        early = manager.stream.recv().header
        assert not early["last"]
        told = early["entries"][-1]["hi"]
    assert told == 2
    with open(gate, "w"):
        pass
    found, _ = manager.outcomes()
    assert (found[0][0]["lo"], found[-1][0]["hi"]) == (2, 4)
