"""Frames: how messages cross a socket or an HTTP body.

Layout, little endian, the same as in the Go package ``wire``::

    u32 length of all that follows
    u8  version, u8 kind, u16 reserved (zero)
    u32 header length, header (JSON, UTF-8)
    u32 column count n, n x u32 column length, the columns' bytes

A frame without columns ends after its header. Fields of a header that are not
known are ignored by whoever reads it. Golden files in ``wire/testdata`` hold
both implementations together.
"""

from __future__ import annotations

import enum
import json
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Optional, Union

from yonder.errors import MalformedFrame, TooLarge, UnsupportedWire

__all__ = [
    "MAX_FABRIC_FRAME",
    "MAX_LOCAL_FRAME",
    "OLDEST",
    "VERSION",
    "Frame",
    "Kind",
    "Stream",
    "decode",
    "decode_all",
    "encode",
]

VERSION = 1
OLDEST = 1

# What the fabric carries at most, and the size to aim at for bulk frames elsewhere.
MAX_FABRIC_FRAME = 512 << 10
# Between agent, manager and worker. It bounds what a broken peer can make us allocate.
MAX_LOCAL_FRAME = 64 << 20

_PREFIX = struct.Struct("<IBBHI")
_U32 = struct.Struct("<I")
_MAX_U32 = 0xFFFFFFFF
# Parts below this size are joined: one copy is cheaper than more system calls.
_JOIN = 128 << 10
# sendmsg takes at most IOV_MAX parts, which is 1024 wherever Python runs.
_MAX_PARTS = 1024

# Made once: json.dumps with options makes an encoder at every call.
_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_from_json = json.JSONDecoder().decode

Buffer = Union[bytes, bytearray, memoryview]


class Kind(enum.IntEnum):
    """Kinds of frames: the numbers of ``wire/kind.go``. They are never reused."""

    BUNDLE = 1
    RESULT = 2

    ERROR = 20
    SESSION_OPEN = 21
    SESSION_OPENED = 22
    RECONCILE = 23
    RECONCILED = 24
    OFFER = 25
    ACCEPT = 26
    SPANS = 27
    REPORT = 28
    HEARTBEAT = 29
    HEARTBEAT_REPLY = 30
    FUNCTION_GET = 31
    FUNCTION = 32
    CANCEL = 33
    FENCE = 34
    SESSION_CLOSE = 35
    TAIL = 40
    TAILED = 41
    TURN = 42
    LOOK = 43
    VIEW = 44

    MANAGER_HELLO = 50
    MANAGER_WELCOME = 51
    WORK = 52
    DONE = 53
    DONE_ACK = 54
    BEAT = 55
    STOP = 56
    DRAIN = 57
    NEED = 58
    BODY = 59
    BLOB_CHUNK = 60
    BEGUN = 61
    LOOK_TASK = 65
    TASK_VIEW = 66

    WORKER_HELLO = 80
    FORK = 81
    EXITED = 82
    LOAD = 83
    RUN = 84
    RAN = 85
    YIELD = 90


class Frame:
    """One message: a JSON header and columns of opaque bytes.

    ``columns`` of a large frame are views into its buffer and keep it alive.
    """

    __slots__ = ("columns", "kind", "raw", "version")

    def __init__(self, kind: int, raw: bytes, columns: Sequence[Buffer], version: int) -> None:
        self.kind = kind
        self.raw = raw
        self.columns = columns
        self.version = version

    @property
    def header(self) -> dict[str, Any]:
        """The decoded header; decoding happens at every access."""
        try:
            header = _from_json(self.raw.decode())
        except ValueError as e:
            raise MalformedFrame(f"header of a frame of kind {self.kind}: {e}") from None
        if not isinstance(header, dict):
            raise MalformedFrame(f"header of a frame of kind {self.kind} is not an object")
        return header

    def __repr__(self) -> str:
        return f"Frame(kind={self.kind}, raw={self.raw!r}, columns={len(self.columns)})"


def encode(
    kind: int, header: Any, columns: Sequence[Buffer] = (), *, limit: int = _MAX_U32
) -> list[Buffer]:
    """Return the frame's bytes as parts to be written one after the other.

    Columns are not copied. A frame over ``limit`` raises ``TooLarge``.
    """
    data = _to_json(header).encode()
    size = _PREFIX.size - 4 + len(data)
    lengths = b""
    if columns:
        sizes = [memoryview(c).nbytes for c in columns]
        lengths = struct.pack(f"<{len(sizes) + 1}I", len(sizes), *sizes)
        size += len(lengths) + sum(sizes)
    if size > limit:
        raise TooLarge(f"frame of {size} bytes is over the limit of {limit}")
    head = _PREFIX.pack(size, VERSION, kind, 0, len(data)) + data + lengths
    if size < _JOIN:
        return [b"".join((head, *columns))]
    return [head, *columns]


def decode(data: Buffer) -> Frame:
    """Decode the one frame that fills ``data``."""
    # Many small columns are sooner copied than looked at through views.
    small = type(data) is bytes and len(data) < _JOIN
    frame, end = _decode_at(data if small else memoryview(data), 0)
    if end != len(data):
        raise MalformedFrame(f"{len(data) - end} bytes after the end of the frame")
    return frame


def decode_all(data: Buffer) -> Iterator[Frame]:
    """Decode the frames of an HTTP body one after the other."""
    view, at = memoryview(data), 0
    while at < len(view):
        frame, at = _decode_at(view, at)
        yield frame


def _decode_at(view: Buffer, at: int) -> tuple[Frame, int]:
    left = len(view) - at
    if left < _PREFIX.size:
        raise MalformedFrame(f"{left} bytes are too few for a frame")
    length, version, kind, _, header = _PREFIX.unpack_from(view, at)
    if length < _PREFIX.size - 4 or length > left - 4:
        raise MalformedFrame(f"length {length} does not fit {left - 4} bytes")
    body = view[at + _PREFIX.size : at + 4 + length]
    return _frame(version, kind, header, body), at + 4 + length


def _frame(version: int, kind: int, header: int, body: Buffer) -> Frame:
    """Build a frame from what follows its prefix."""
    if not OLDEST <= version <= VERSION:
        raise UnsupportedWire(
            f"wire version {version}; this side reads {OLDEST} to {VERSION}: upgrade the older side"
        )
    if header > len(body):
        raise MalformedFrame(f"header of {header} bytes in {len(body)}")
    columns = _columns(body[header:]) if len(body) > header else []
    return Frame(kind, bytes(body[:header]), columns, version)


def _columns(view: Buffer) -> list[Buffer]:
    if len(view) < 4:
        raise MalformedFrame(f"{len(view)} bytes are too few for columns")
    (n,) = _U32.unpack_from(view)
    if n > (len(view) - 4) // 4:
        raise MalformedFrame(f"{n} columns in {len(view)} bytes")
    columns: list[Buffer] = []
    at = 4 + 4 * n
    for i, size in enumerate(struct.unpack_from(f"<{n}I", view, 4)):
        if size > len(view) - at:
            raise MalformedFrame(f"column {i} of {size} bytes, {len(view) - at} left")
        columns.append(view[at : at + size])
        at += size
    if at != len(view):
        raise MalformedFrame(f"{len(view) - at} bytes after the last column")
    return columns


class Stream:
    """Frames over a connected, blocking socket. One thread may read, any may write."""

    def __init__(self, sock: socket.socket, limit: int = MAX_LOCAL_FRAME) -> None:
        self.sock = sock
        self.limit = limit
        self._prefix = bytearray(_PREFIX.size)
        self._sending = threading.Lock()

    def send(self, kind: int, header: Any, columns: Sequence[Buffer] = ()) -> None:
        """Write one frame; it is out, or the connection is broken."""
        parts = encode(kind, header, columns, limit=self.limit)
        with self._sending:
            if len(parts) == 1:
                self.sock.sendall(parts[0])
                return
            for at in range(0, len(parts), _MAX_PARTS):
                self._send_parts(parts[at : at + _MAX_PARTS])

    def _send_parts(self, parts: Sequence[Buffer]) -> None:
        left = [memoryview(p).cast("B") for p in parts if len(p)]
        while left:
            sent = self.sock.sendmsg(left)
            while left and sent >= len(left[0]):
                sent -= len(left.pop(0))
            if sent:
                left[0] = left[0][sent:]

    def recv(self) -> Optional[Frame]:
        """Read one frame; ``None`` when the stream ended between frames."""
        if not self._fill(memoryview(self._prefix), between=True):
            return None
        length, version, kind, _, header = _PREFIX.unpack(self._prefix)
        if length > self.limit:
            raise TooLarge(f"frame of {length} bytes is over the limit of {self.limit}")
        if length < _PREFIX.size - 4:
            raise MalformedFrame(f"length {length} is too small for a frame")
        body = memoryview(bytearray(length - _PREFIX.size + 4))
        self._fill(body)
        return _frame(version, kind, header, body)

    def _fill(self, view: memoryview, between: bool = False) -> bool:
        at = 0
        while at < len(view):
            n = self.sock.recv_into(view[at:], len(view) - at, socket.MSG_WAITALL)
            if n == 0:
                if between and at == 0:
                    return False
                raise MalformedFrame(f"the stream ended {len(view) - at} bytes before its frame")
            at += n
        return True
