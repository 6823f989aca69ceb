"""The first 8 bytes of every payload: what it takes to load the rest."""

from __future__ import annotations

import functools
import struct
import sys
from dataclasses import dataclass
from typing import Optional, Union

from yonder.errors import CodecMismatch, InvalidRequest, UnpackError

Buffer = Union[bytes, bytearray, memoryview]

SIZE = 8
# Magic, codec, flags, major and minor version of the packing Python, two zero bytes.
_LAYOUT = struct.Struct("<2scBBB2s")
_MAGIC = b"Y1"
_CODES = {"pickle": b"p", "json": b"j", "raw": b"r"}

CODECS = tuple(_CODES)

_ONLY, _CHUNK, _SOURCE = 1, 2, 4


@dataclass(frozen=True)
class Prefix:
    """What a payload says about itself.

    ``only``: it carries bytecode and loads on the packing minor version alone.
    ``chunk``: it holds many calls or values. ``source``: the source of the
    user's own classes and functions comes before the body.
    """

    codec: str
    only: bool = False
    chunk: bool = False
    source: bool = False
    major: int = sys.version_info[0]
    minor: int = sys.version_info[1]

    @property
    def python(self) -> Optional[str]:
        """The one minor version that may load the payload, as ``"3.11"``; None for any."""
        return f"{self.major}.{self.minor}" if self.only else None

    def dump(self) -> bytes:
        """The 8 bytes."""
        flags = self.only * _ONLY | self.chunk * _CHUNK | self.source * _SOURCE
        return _LAYOUT.pack(_MAGIC, code_of(self.codec), flags, self.major, self.minor, b"\0\0")


def code_of(codec: str) -> bytes:
    """The codec's letter; InvalidRequest for a name that is none of ``CODECS``."""
    if codec not in _CODES:
        raise InvalidRequest(f"there is no codec {codec!r}: use one of {', '.join(CODECS)}")
    return _CODES[codec]


def read_prefix(data: Buffer) -> Prefix:
    """Read a payload's prefix, whatever Python made it.

    Raises UnpackError if these are not a payload's bytes, CodecMismatch if
    they are of a later format.
    """
    if len(data) < SIZE:
        raise UnpackError(f"a payload has at least {SIZE} bytes, this one has {len(data)}")
    return _read(bytes(data[:SIZE]))


# There are few different ones, and one for every result.
@functools.lru_cache(maxsize=64)
def _read(data: bytes) -> Prefix:
    magic, letter, flags, major, minor, zero = _LAYOUT.unpack(data)
    if magic != _MAGIC:
        raise UnpackError(f"a payload begins with {_MAGIC!r}, this one with {magic!r}")
    codec = next((name for name, code in _CODES.items() if code == letter), None)
    if codec is None or flags & ~(_ONLY | _CHUNK | _SOURCE) or zero != b"\0\0":
        raise CodecMismatch(
            f"the payload has codec {letter!r}, flags {flags} and reserved bytes {zero!r}, which "
            "this version of yonder does not know: upgrade yonder here"
        )
    return Prefix(
        codec, bool(flags & _ONLY), bool(flags & _CHUNK), bool(flags & _SOURCE), major, minor
    )


@functools.lru_cache(maxsize=64)
def is_plain(head: bytes) -> bool:
    """Whether what begins with this prefix is one pickle that loads here, and nothing else."""
    found = read_prefix(head)
    special = found.only or found.chunk or found.source
    return found.codec == "pickle" and found.major == sys.version_info[0] and not special


def check(data: Buffer, chunk: bool) -> Prefix:
    """``read_prefix``, and refuse what must not be loaded here."""
    prefix = read_prefix(data)
    here = sys.version_info
    packed = f"{prefix.major}.{prefix.minor}"
    if prefix.codec == "pickle" and prefix.major != here[0]:
        raise CodecMismatch(f"the payload was pickled by Python {packed}, this is {here[0]}")
    if prefix.only and (prefix.major, prefix.minor) != (here[0], here[1]):
        raise CodecMismatch(
            f"the payload carries bytecode of Python {packed} and cannot be loaded by Python "
            f"{here[0]}.{here[1]}: use a worker with Python {packed}, or define the functions "
            "among the arguments in a file"
        )
    if prefix.chunk != chunk:
        raise UnpackError(f"the payload is {'' if prefix.chunk else 'not '}a chunk")
    return prefix
