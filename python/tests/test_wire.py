"""The wire format, against the golden files that the Go tests read too."""

from __future__ import annotations

import json
import random
import socket
import threading
from pathlib import Path

import pytest

from yonder import wire
from yonder.errors import MalformedFrame, TooLarge, UnsupportedWire

TESTDATA = Path(__file__).parents[2] / "wire" / "testdata"
GOLDEN = sorted(
    path
    for version in range(wire.OLDEST, wire.VERSION + 1)
    for path in (TESTDATA / f"v{version}").glob("*.frame")
)


def name(kind: int) -> str:
    return f"{kind:02d}-{wire.Kind(kind).name.lower().replace('_', '-')}.frame"


def test_every_kind_has_a_golden_file():
    current = {path.name for path in GOLDEN if path.parent.name == f"v{wire.VERSION}"}
    assert current == {name(kind) for kind in wire.Kind}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_golden_files_are_decoded_and_written_again(path):
    data = path.read_bytes()
    frame = wire.decode(data)
    assert f"v{frame.version}" == path.parent.name
    assert name(frame.kind) == path.name
    again = b"".join(wire.encode(frame.kind, frame.header, frame.columns))
    if frame.version == wire.VERSION:
        assert again == data
    else:
        assert again[8:] == data[8:]


def test_a_body_of_several_frames():
    data = b"".join(path.read_bytes() for path in GOLDEN)
    assert [name(f.kind) for f in wire.decode_all(data)] == [p.name for p in GOLDEN]
    with pytest.raises(MalformedFrame):
        list(wire.decode_all(data[:-1]))


def beat(**header: object) -> bytearray:
    return bytearray(b"".join(wire.encode(wire.Kind.BEAT, header, [b"\1"])))


def changed(at: int, value: int) -> bytearray:
    data = beat()
    data[at] = value
    return data


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (changed(4, wire.VERSION + 1), UnsupportedWire, "upgrade the older side"),
        (changed(4, 0), UnsupportedWire, "wire version 0"),
        (changed(0, 3), MalformedFrame, "length 3"),
        (changed(8, 200), MalformedFrame, "header of 200"),
        (changed(14, 200), MalformedFrame, "200 columns"),
        (changed(18, 200), MalformedFrame, "column 0 of 200"),
        (changed(18, 0), MalformedFrame, "after the last column"),
        (beat() + b"x", MalformedFrame, "1 bytes after the end"),
        (b"abc", MalformedFrame, "too few"),
    ],
)
def test_what_is_wrong_is_said(data, error, says):
    with pytest.raises(error, match=says):
        wire.decode(data)


def test_arbitrary_bytes_raise_nothing_else():
    rng = random.Random(1)
    for _ in range(3000):
        data = bytearray(rng.choice(GOLDEN).read_bytes())
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            again = wire.decode(data[: rng.randrange(len(data) + 1)])
            assert isinstance(again.header, dict)
        except (MalformedFrame, UnsupportedWire):
            pass


def test_a_header_that_is_not_an_object():
    for raw in (b"[1]", b"{", b'{"a":\xff}'):
        with pytest.raises(MalformedFrame):
            _ = wire.Frame(wire.Kind.BEAT, raw, [], wire.VERSION).header


@pytest.fixture
def pair():
    a, b = socket.socketpair()
    with a, b:
        yield wire.Stream(a), wire.Stream(b)


def test_small_and_large_frames_over_a_socket(pair):
    near, far = pair
    big = bytes(range(256)) * (20 << 10)
    columns = [b"", b"x", big, b"", big] + [b"y"] * 3000
    for body in ([], [b"a", b""], columns):
        sender = threading.Thread(target=near.send, args=(wire.Kind.RAN, {"run": 1}, body))
        sender.start()
        frame = far.recv()
        sender.join()
        assert frame.kind == wire.Kind.RAN
        assert frame.header == {"run": 1}
        assert [bytes(c) for c in frame.columns] == body


def test_the_end_between_frames_is_no_error(pair):
    near, far = pair
    near.sock.sendall(beat())
    near.sock.close()
    assert far.recv().kind == wire.Kind.BEAT
    assert far.recv() is None


def test_the_end_within_a_frame_is_one(pair):
    near, far = pair
    near.sock.sendall(beat()[:-1])
    near.sock.close()
    with pytest.raises(MalformedFrame, match="1 bytes before"):
        far.recv()


def test_limits(pair):
    near, far = pair
    near.limit = 100
    with pytest.raises(TooLarge):
        near.send(wire.Kind.RAN, {"x": "y" * 100})
    far.limit = 50
    near.send(wire.Kind.RAN, {"x": "y" * 50})
    with pytest.raises(TooLarge, match="over the limit of 50"):
        far.recv()


def test_text_is_written_as_go_reads_it():
    (data,) = wire.encode(wire.Kind.ERROR, {"message": "größe <&>"})
    assert json.loads(wire.decode(data).raw) == {"message": "größe <&>"}
