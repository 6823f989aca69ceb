"""Chunks of calls whose values are numbers: told as others are, whatever comes between."""

from __future__ import annotations

import json
import os
import struct
import threading
import time

import pytest
from test_loop import Manager

from yonder import codec
from yonder.worker import kept as kept_file


@pytest.fixture
def manager(tmp_path):
    before = os.getcwd()
    made = Manager(tmp_path)
    yield made
    made.close()
    os.chdir(before)


def values(manager, function, *columns, lo=0, **more):
    """The outcomes of all calls from lo on, and the spans of their entries."""
    chunk = codec.pack_columns(columns)
    hi = len(columns[0])
    manager.send(manager.load(function), [chunk], form="chunk", lo=lo, hi=hi, total=hi, **more)
    found, _ = manager.outcomes()
    all_values, spans = [], []
    for entry, data in found:
        spans.append((entry["lo"], entry["hi"], entry["outcome"]))
        assert 0 < entry["started_us"] <= entry["finished_us"]
        if entry["form"] == "chunk":
            chunk = list(codec.unpack_chunk(data))
            assert len(chunk) == entry["hi"] - entry["lo"]
            all_values += chunk
        elif entry["outcome"] == "ok":
            all_values.append(codec.unpack_result(data))
        elif entry["outcome"] == "exception":
            all_values.append(codec.unpack_error(data))
        else:
            all_values.append(json.loads(data)["code"])
    assert [s[0] for s in spans] == [lo, *(s[1] for s in spans[:-1])]
    assert spans[-1][1] == hi
    return all_values, spans


def same(x):
    return x


def plus(a, b):
    return a + b


@pytest.mark.parametrize(
    "column",
    [
        range(5, 2000, 3),
        [1.5, -0.0, float("inf")] * 10,
        [True, False] * 10,
        [None] * 20,
        [-(1 << 63), (1 << 63) - 1] * 5,
    ],
    ids=["int", "float", "bool", "none", "extremes"],
)
def test_values_of_one_kind_are_one_entry(manager, column):
    found, spans = values(manager, same, column)
    assert found == list(column)
    assert list(map(type, found)) == list(map(type, column))
    assert spans == [(0, len(column), "ok")]


def test_a_part_with_two_arguments(manager):
    found, spans = values(manager, plus, range(100), list(range(100)), lo=40)
    assert found == [2 * i for i in range(40, 100)]
    assert spans == [(40, 100, "ok")]


def test_other_values_stand_between(manager):
    column = (
        [0] * 10
        + ["text"]
        + [1] * 10
        + [1 << 63, -(1 << 63) - 1]
        + [2] * 10
        + [2.5, None, True, b"x"]
    )
    found, _ = values(manager, same, column)
    assert found == column
    assert list(map(type, found)) == list(map(type, column))


def test_kinds_that_alternate_cost_few_entries(manager):
    column = [i if i % 2 else float(i) for i in range(1000)]
    found, spans = values(manager, same, column)
    assert list(map(type, found)) == list(map(type, column))
    assert found == column
    assert len(spans) < 50


def picky(x):
    if x % 100 == 7:
        raise ValueError(x)
    if x % 100 == 8:
        raise StopIteration(x)
    if x % 100 == 9:
        raise SystemExit(x)
    return x


def test_what_is_raised_is_its_calls_own(manager):
    found, spans = values(manager, picky, range(250))
    for i, value in enumerate(found):
        kind = {7: ValueError, 8: StopIteration, 9: SystemExit}.get(i % 100)
        if kind is None:
            assert value == i
        else:
            assert type(value).__name__ == kind.__name__
            assert str(value) == str(i)
    assert len(spans) < 20
    text = "".join(str(error.__cause__) for error in found if isinstance(error, ValueError))
    assert "yonder/worker" not in text


def whoami(x):
    from yonder.context import current_task

    return current_task().index


def test_every_call_knows_its_index(manager):
    found, _ = values(manager, whoami, [0] * 50, lo=10)
    assert found == list(range(10, 50))
    assert manager.board.where[1] == 49


shared: list = []


def grows(x):
    if x < 20:
        return x
    shared.append(x)
    return shared


def test_a_value_is_packed_before_the_next_call(manager):
    found, _ = values(manager, grows, range(25))
    assert found[20:] == [list(range(20, 21 + i)) for i in range(5)]


async def later(x):
    return x


def steps(x):
    yield x


def test_coroutines_and_generators(manager):
    assert values(manager, later, range(5))[0] == list(range(5))
    assert values(manager, steps, range(3))[0] == [[0], [1], [2]]


def lock(x):
    return x if x < 10 else threading.Lock()


def test_a_value_that_cannot_be_packed(manager):
    found, _ = values(manager, lock, range(12))
    assert found == [*range(10), "unserialisable", "unserialisable"]


def nap(x):
    time.sleep(0.003)  # workload
    return x


def test_a_long_row_of_quick_calls_is_told_in_parts(manager):
    """As long as calls come to an end, the manager hears of them."""
    manager.loop.teller.patience = 0.01
    chunk = codec.pack_columns([range(150)])
    manager.send(manager.load(nap), [chunk], form="chunk", hi=150, total=150)
    found, frames = manager.outcomes()
    assert frames > 1
    assert [v for _, data in found for v in codec.unpack_chunk(data)] == list(range(150))


def test_values_are_in_the_file_before_they_are_told(manager, tmp_path):
    name = manager.load(reads)
    manager.send(
        name, [codec.pack_columns([[str(tmp_path / "kept")] * 6])], form="chunk", hi=6, total=6
    )
    found, _ = manager.outcomes()
    assert len(found) == 1
    copy = (tmp_path / "kept.5").read_bytes()
    run, used, first = struct.unpack_from("<QQQ", copy)
    assert (run, used, first) == (1, 0, 1), "the column was open from task 0 on"
    (size,) = struct.unpack_from("<I", copy, 32)
    items = copy[kept_file.SIZE : kept_file.SIZE + 8 * 5]
    assert list(codec.unpack_chunk(copy[36 : 36 + size] + items)) == [0, 10, 20, 30, 40]


def reads(path):
    from yonder.context import current_task

    index = current_task().index
    with open(path, "rb") as file, open(f"{path}.{index}", "wb") as copy:
        copy.write(file.read())
    return index * 10


def test_no_room_for_the_record_of_a_column(manager, monkeypatch):
    monkeypatch.setattr(kept_file, "SIZE", 80)  # nothing fits
    manager.loop.kept.map = None
    found, _ = values(manager, picky, range(250))
    assert [v for v in found if isinstance(v, int)] == [
        i for i in range(250) if i % 100 not in (7, 8, 9)
    ]


def test_without_the_file_calls_go_the_other_way(manager, tmp_path):
    manager.loop.kept.path = str(tmp_path / "missing" / "kept")
    assert values(manager, same, range(50))[0] == list(range(50))


def test_many_values_come_in_parts_that_fit_messages(manager):
    column = [at / 7 for at in range(65_536)]
    found, spans = values(manager, same, column, inline=100_000)
    assert found == column
    assert len(spans) >= 6  # 9 bytes each, and none of it in a file
    assert all(hi - lo <= 100_000 // 9 for lo, hi, _ in spans)


def test_values_that_cannot_change_travel_together(manager):
    column = ["a", b"b", 1, 2.5, None, True, "é" * 100] * 20
    chunk = codec.pack_columns([column])
    manager.send(manager.load(same), [chunk], form="chunk", lo=0, hi=len(column), total=len(column))
    found, _ = manager.outcomes()
    loaded = [codec.unpack_chunk(data) for entry, data in found if entry["form"] == "chunk"]
    assert [value for values in loaded for value in values] == column
    assert all(isinstance(values, codec.Scalars) for values in loaded)


def test_values_that_can_change_are_packed_at_once(manager):
    kept = []

    def grow(x):
        kept.append(x)
        return kept if x % 2 else x

    found, _ = values(manager, grow, [1, 2, 3, 4])
    assert found == [[1], 2, [1, 2, 3], 4]
