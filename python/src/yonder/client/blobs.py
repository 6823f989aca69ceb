"""Payloads too large to travel with their bundle or result."""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from typing import Any, Optional

from yonder.client import backoff
from yonder.client.http import TYPE_BYTES, Request, Transport, read_json
from yonder.errors import StorageCorrupt, TooLarge, Unavailable
from yonder.wire import Buffer


def upload(transport: Transport, payload: Buffer) -> dict[str, Any]:
    """Upload a payload; the answer's id, size and sha256 stand for it in a bundle.

    Raises StorageCorrupt if other bytes arrived than were sent.
    """
    digest = hashlib.sha256()
    # Both let other threads run, and take about as long.
    hashing = threading.Thread(target=digest.update, args=(payload,), daemon=True)
    hashing.start()
    answer = read_json(transport.send(Request("POST", "/v1/blobs", payload, TYPE_BYTES)))
    hashing.join()
    if answer["sha256"] != digest.hexdigest():
        raise StorageCorrupt(
            f"the service stored other bytes as blob {answer['id']} than were sent"
        )
    return {"id": answer["id"], "size": answer["size"], "sha256": answer["sha256"]}


def download(transport: Transport, blob: dict[str, Any], most: int) -> bytearray:
    """The bytes of a blob of at most ``most`` bytes, checked against its sha256.

    A download that breaks is begun again for as long as the transport is patient.
    """
    if blob["size"] > most:
        raise TooLarge(f"blob {blob['id']} has {blob['size']} bytes, over the limit of {most}")
    begin = time.monotonic()
    for attempt in itertools.count():
        try:
            return _download(transport, blob)
        except Unavailable:
            pause = backoff.delay(attempt, 2.0)
            if time.monotonic() + pause > begin + transport.patience or transport.pause(pause):
                raise
    raise AssertionError("unreachable")


# As much is hashed at once, while what follows comes in: less is not worth a thread.
HASHED = 4 << 20


def _download(transport: Transport, blob: dict[str, Any]) -> bytearray:
    data = bytearray(blob["size"])
    digest = hashlib.sha256()
    with memoryview(data) as view:
        there = _receive(transport, f"/v1/blobs/{blob['id']}", view, digest)
    if there < blob["size"]:
        raise Unavailable(f"blob {blob['id']} ended after {there} of {blob['size']} bytes")
    if there > blob["size"] or digest.hexdigest() != blob["sha256"]:
        raise StorageCorrupt(f"blob {blob['id']} does not have the bytes that were promised")
    return data


def _receive(transport: Transport, path: str, view: memoryview, digest: Any) -> int:
    """Fill the view and hash it. Returns how many bytes came, or one more than it has."""
    there = hashed = 0
    hashing: Optional[threading.Thread] = None
    try:
        for there in transport.fill(path, view):
            if there - hashed >= HASHED and there <= len(view):
                if hashing is not None:
                    hashing.join()
                piece, hashed = view[hashed:there], there
                hashing = threading.Thread(target=digest.update, args=(piece,), daemon=True)
                hashing.start()
    finally:
        if hashing is not None:
            hashing.join()
    digest.update(view[hashed:there])
    return there
