"""A slow link on this machine: a proxy in front of the service that keeps every byte back for so long, each way.

It keeps the bytes, not the sender: what is sent one after the other arrives one after the other, all as late. It is a
process of threads: an event loop's timers are a millisecond late, and threads of the client's process would slow it down.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import socket
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

# What may be under way in each direction of a connection, in pieces of at most 64 KiB; more has to wait at the sender.
PIECES = 1024


def carry(source: socket.socket, target: socket.socket, delay: float) -> None:
    """Carry one direction until it ends."""
    late: queue.Queue[tuple[float, bytes]] = queue.Queue(PIECES)

    def arrive() -> None:
        piece = b"."
        while piece:
            due, piece = late.get()
            time.sleep(max(due - time.monotonic(), 0))
            with contextlib.suppress(OSError):
                target.sendall(piece) if piece else target.shutdown(socket.SHUT_WR)

    threading.Thread(target=arrive, daemon=True).start()
    piece = b"."
    while piece:
        try:
            piece = source.recv(1 << 16)
        except OSError:
            piece = b""
        late.put((time.monotonic() + delay, piece))


def serve(host: str, port: int, delay: float, tell: Connection) -> None:
    """Say on which port the link is, and carry every connection there, for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        tell.send(server.getsockname()[1])
        while True:
            here, _ = server.accept()
            there = socket.create_connection((host, port))
            for end in (here, there):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for ends in ((here, there), (there, here)):
                threading.Thread(target=carry, args=(*ends, delay), daemon=True).start()


@contextlib.contextmanager
def slow(url: str, delay: float) -> Iterator[str]:
    """The URL of the same service, ``delay`` seconds away."""
    there = urlsplit(url)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(there.hostname, there.port, delay, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()
