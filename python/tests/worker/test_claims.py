"""Runs of which the manager takes back what is not begun."""

from __future__ import annotations

import os
import threading

import pytest

from yonder import codec
from yonder.worker.claims import Claims, claims


def plain(x, path, at):
    """One value a call; at one of them all that is left is taken."""
    import contextlib
    import os

    if x == at:
        pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            os.read(pipe, 65536)
        os.close(pipe)
    return x


class Taken:
    """A manager that offers blocks, and a function that takes them back."""

    def __init__(self, manager):
        self.manager = manager
        self.path = manager.loop.claims
        os.mkfifo(self.path, 0o600)
        self.pipe = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)

    def left(self):
        try:
            return len(os.read(self.pipe, 65536))
        except BlockingIOError:
            return 0

    def run(self, form, tasks, block, at, offered=None, lo=0):
        """How many tasks are reported when the task ``at`` takes the rest."""
        blocks = (tasks - lo - 1) // block if offered is None else offered
        os.write(self.pipe, b"x" * blocks)
        calls = [(x, self.path, at) for x in range(tasks)]
        if form == "each":
            columns = [codec.pack_args(call, {}) for call in calls[lo:]]
        elif form == "columns":
            columns = [codec.pack_columns([list(column) for column in zip(*calls)])]
        else:
            columns = [codec.pack_chunk([(call, {}) for call in calls], "json")]
        more = {"codec": "json"} if form == "chunk" else {}
        self.manager.send(
            self.manager.load(plain), columns, form="each" if form == "each" else "chunk",
            lo=lo, hi=tasks, total=tasks, block=block, **more,
        )  # fmt: skip
        found, _ = self.manager.outcomes()
        due = lo
        for entry, _ in found:
            assert (entry["lo"], entry["outcome"]) == (due, "ok")
            due = entry["hi"]
        return due


@pytest.fixture
def taken(manager):
    made = Taken(manager)
    yield made
    os.close(made.pipe)


@pytest.mark.parametrize("form", ["each", "chunk", "columns"])
@pytest.mark.parametrize(
    ("tasks", "block", "at", "end"),
    [
        (10, 1, 3, 4),  # behind the task that took it
        (10, 1, 0, 1),
        (10, 4, 0, 4),  # and what was claimed with it
        (10, 4, 4, 8),
        (10, 4, 9, 10),  # all was claimed by then
        (10, 10, 0, 10),
        (1000, 7, 500, 504),
    ],
)
def test_a_run_ends_where_the_rest_was_taken(taken, form, tasks, block, at, end):
    assert taken.run(form, tasks, block, at) == end
    assert taken.left() == 0
    assert taken.run(form, tasks, block, -1) == tasks, "the next run is whole"


@pytest.mark.parametrize("form", ["each", "chunk", "columns"])
def test_a_run_ends_where_less_was_offered(taken, form):
    assert taken.run(form, 100, 8, -1, offered=5, lo=10) == 10 + 6 * 8


def test_a_run_that_cannot_be_loaded_fails_what_is_its_own(taken, manager):
    os.write(taken.pipe, b"xx")
    manager.send("unknown", [b""] * 9, block=2)
    found, _ = manager.outcomes()
    assert [entry["outcome"] for entry, _ in found] == ["failed"] * 6
    assert taken.left() == 0


def test_nobody_else_gets_the_same_block(tmp_path):
    path = str(tmp_path / "claims")
    os.mkfifo(path)
    for begun in (0, 1, 100, 2000, 3999):
        with claims(path, 0, 4000 * 3, 3) as mine:
            os.write(mine.pipe, b"x" * 3999)
            got, ready = [], threading.Barrier(2)

            def take(pipe=mine.pipe, got=got, ready=ready):
                ready.wait()
                try:
                    got.append(len(os.read(pipe, 4096)))
                except BlockingIOError:
                    got.append(0)

            other = threading.Thread(target=take)
            other.start()
            for _ in range(begun):
                mine.more()
            ready.wait()
            end = mine.rest()
            other.join()
            assert end == 3 * (4000 - got[0])


def test_a_single_block_needs_no_pipe():
    with claims("/nowhere", 3, 9, 0) as mine:
        assert (mine.claimed, mine.more(), mine.rest()) == (9, False, 9)
    assert Claims(-1, 3, 9, 6).rest() == 9
