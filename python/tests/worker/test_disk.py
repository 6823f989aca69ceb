"""Every call with which a worker writes to the disk fails, alone and with all after it."""

from __future__ import annotations

import errno
import json
import os

import pytest
from test_loop import big

from yonder import codec
from yonder.worker import disk
from yonder.worker.kept import Kept

CALLS = ["open_file", "write", "allocate", "close", "memory"]
CODES = [errno.ENOSPC, errno.EIO, errno.EROFS]
SIZE = 100_000


class Faults:
    """Counts the calls, and lets some of them fail."""

    def __init__(self, monkeypatch) -> None:
        self.calls, self.first, self.last, self.code = 0, -1, -1, errno.ENOSPC
        for name in CALLS:
            monkeypatch.setattr(disk, name, self.around(name, getattr(disk, name)))

    def around(self, name, real):
        def call(*args):
            self.calls += 1
            if not self.first <= self.calls <= self.last:
                return real(*args)
            if name == "close":  # the descriptor is gone all the same
                real(*args)
            raise OSError(self.code, os.strerror(self.code))

        return call

    def each(self, work):
        """Do the work again and again, with each of its calls failing in turn."""
        self.calls = 0
        work(True)
        total = self.calls
        assert total > 1
        for code in CODES:
            for first in range(1, total + 1):
                for last in (first, total + 100):
                    self.calls, self.first, self.last, self.code = 0, first, last, code
                    work(False)
                    self.first = self.last = -1


@pytest.fixture
def faults(monkeypatch):
    return Faults(monkeypatch)


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def test_a_file_is_whole_or_not_there(faults, tmp_path):
    path, before = tmp_path / "result", descriptors()

    def write(well):
        try:
            disk.whole(str(path), b"x" * SIZE)
        except OSError:
            assert not well
            assert not path.exists()
        else:
            assert well
            assert path.read_bytes() == b"x" * SIZE
            path.unlink()
        assert descriptors() == before

    faults.each(write)


def test_a_short_write_goes_on(monkeypatch, tmp_path):
    real = disk.write
    monkeypatch.setattr(disk, "write", lambda fd, data: real(fd, data[:7]))
    disk.whole(str(tmp_path / "result"), bytes(range(100)))
    assert (tmp_path / "result").read_bytes() == bytes(range(100))


def test_a_disk_that_fills_up_in_the_middle(monkeypatch, tmp_path):
    real, left = disk.write, [10]

    def write(fd, data):
        if not left[0]:
            raise OSError(errno.ENOSPC, "no space left")
        left[0] = 0
        return real(fd, data[:10])

    monkeypatch.setattr(disk, "write", write)
    with pytest.raises(OSError, match="no space"):
        disk.whole(str(tmp_path / "result"), b"x" * 100)
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_kept_is_told_at_once(faults, tmp_path):
    path = tmp_path / "kept"

    def keep(well):
        kept = Kept(str(path))
        kept.begin(1)
        assert kept.add(0, "ok", b"value", (1.0, 2.0)) == well
        assert (kept.items("q") is None) != well
        assert path.exists() == well
        if not well:
            faults.last = -1
            kept.begin(2)
            assert kept.add(0, "ok", b"value", (1.0, 2.0)), "there is room again"
        kept.items("q")
        path.unlink()

    faults.each(keep)


def test_each_task_of_a_run_has_its_outcome(faults, manager, tmp_path):
    """Large results, which go to files, and the file of what was finished."""
    name = manager.load(big)

    def run(well):
        calls = [codec.pack_args((SIZE + i,), {}) for i in range(3)]
        manager.send(name, calls)
        outcomes, _ = manager.outcomes()
        assert [entry["lo"] for entry, _ in outcomes] == [0, 1, 2]
        for i, (entry, payload) in enumerate(outcomes):
            if entry["outcome"] == "ok":
                assert codec.unpack_value(payload) == b"x" * (SIZE + i)
                continue
            assert not well
            failure = json.loads(payload)
            full = faults.code in (errno.ENOSPC, errno.EROFS)
            assert failure["code"] == ("storage_full" if full else "internal")
            assert "could not be written on the worker" in failure["message"]
        for file in tmp_path.glob("result-*"):
            file.unlink()
        (tmp_path / "kept").unlink(missing_ok=True)
        manager.loop.kept.map = None  # the next run makes it anew

    faults.each(run)
