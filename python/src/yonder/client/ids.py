"""Ids as the service writes them: UUIDv7 text, with the task's index in the low 16 bits.

A bundle's id ends in four zeros; the id of its task number i ends in i, in hex.
"""

from __future__ import annotations

import os
import re
import time

from yonder.errors import InvalidID

_FORM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


_last = 0


def new_id() -> str:
    """A new random id. Ids sort by their time of making, those of one thread strictly."""
    stamp = _stamp()
    number = stamp >> 12 << 80 | 7 << 76 | (stamp & 0xFFF) << 64 | 2 << 62
    text = f"{number | int.from_bytes(os.urandom(8), 'big') >> 2:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _stamp() -> int:
    """Unix time in 1/4096 ms; always later than the one before."""
    global _last
    _last = stamp = max(_last + 1, time.time_ns() * 4096 // 1_000_000)
    return stamp


def new_bundle_id() -> str:
    """A new id whose last four digits are free for the index of a task."""
    return new_id()[:-4] + "0000"


def task_id(bundle: str, index: int) -> str:
    """The id of a bundle's task."""
    return f"{bundle[:-4]}{index:04x}"


def bundle_of(task: str) -> tuple[str, int]:
    """The bundle that a task belongs to, and its index there."""
    return task[:-4] + "0000", int(task[-4:], 16)


def is_id(text: str) -> bool:
    """Whether the text has the form of an id."""
    return _FORM.fullmatch(text) is not None


def check_id(text: object) -> str:
    """The id in lower case; anything else raises InvalidID, before it gets into a path."""
    if not isinstance(text, str) or not is_id(text):
        raise InvalidID(
            f"{str(text)[:60]!r} is not an id: expected 36 characters like "
            "0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000"
        )
    return text.lower()
