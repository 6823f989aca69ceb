"""Outcomes that outlive their worker."""

from __future__ import annotations

import struct

from yonder.worker.kept import SIZE, Kept


def records(path):
    data = path.read_bytes()
    run, used = struct.unpack_from("<QQ", data)
    at, found = 72, []
    while at < 72 + used:
        index, outcome, began, ended, size = struct.unpack_from("<IIddI", data, at)
        at += 28
        found.append((index, outcome, began, ended, data[at : at + size]))
        at += size
    return run, found


def test_outcomes_are_kept_until_they_are_told(tmp_path):
    kept = Kept(str(tmp_path / "kept"))
    kept.clear()
    assert not kept.add(0, "ok", b"", (1.0, 2.0)), "no run has begun"
    kept.begin(7)
    assert kept.add(3, "ok", b"value", (1.0, 2.0))
    assert kept.add(4, "exception", b"", (2.0, 3.5))
    assert records(tmp_path / "kept") == (
        7,
        [(3, 0, 1.0, 2.0, b"value"), (4, 1, 2.0, 3.5, b"")],
    )
    kept.clear()
    assert records(tmp_path / "kept") == (7, [])
    kept.begin(8)
    assert records(tmp_path / "kept") == (8, [])


def test_what_does_not_fit_is_told_at_once(tmp_path):
    kept = Kept(str(tmp_path / "kept"))
    kept.begin(1)
    assert not kept.add(0, "ok", bytes(SIZE), (1.0, 2.0))
    assert kept.add(0, "ok", bytes(SIZE // 2), (1.0, 2.0))
    assert not kept.add(1, "ok", bytes(SIZE // 2), (1.0, 2.0))
    kept.clear()
    assert kept.add(1, "ok", bytes(SIZE // 2), (1.0, 2.0))


def test_without_room_on_the_disk_nothing_is_kept(tmp_path):
    kept = Kept(str(tmp_path / "missing" / "kept"))
    kept.begin(1)
    assert not kept.add(0, "ok", b"value", (1.0, 2.0))
