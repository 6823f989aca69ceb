"""Progress: a board that a function writes and its manager reads."""

from __future__ import annotations

import struct

import yonder
from yonder import codec
from yonder.worker.board import MESSAGE_BYTES, SIZE, Board

SLOT = struct.Struct(f"<QQQddqH{MESSAGE_BYTES}s")


def read(data):
    """As the manager does: run, index, calls, done, total, message."""
    (number,) = struct.unpack_from("<Q", data, 16)
    *of, calls, done, total, _, length, message = SLOT.unpack_from(data, 64 + 480 * (number % 2))
    return (*of, calls, done, total, message[:length].decode("utf-8", "ignore"))


def steps(n):
    import yonder

    for i in range(n):
        yonder.progress(i + 1, n, f"Schritt {i + 1} größer")
    return n


def test_the_last_word_is_kept(manager):
    entry, _ = manager.call(steps, 1_000_000)
    assert entry["outcome"] == "ok"
    last = (1, 0, 1_000_000, 1_000_000.0, 1_000_000.0, "Schritt 1000000 größer")
    assert read(manager.board._bytes) == last


def test_each_task_counts_its_own_calls(manager):
    payloads = [codec.pack_args((n,)) for n in (3, 2)]
    manager.send(manager.load(steps), payloads)
    manager.outcomes()
    assert read(manager.board._bytes)[:3] == (1, 1, 2)


def test_long_messages_are_cut_and_totals_may_be_unknown():
    board = Board(memoryview(bytearray(SIZE)))
    board.progress(2, None, "ä" * 1000)
    assert read(board._bytes) == (0, 0, 1, 2.0, 0.0, "ä" * 200)


def test_outside_a_worker_it_does_nothing():
    yonder.progress(1, 2, "nobody hears")
