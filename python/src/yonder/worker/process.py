"""What makes a forked child a worker: its group, its signals, its files."""

from __future__ import annotations

import faulthandler
import mmap
import os
import platform
import random
import signal
import socket
import traceback
from typing import Any, NoReturn

from yonder import wire
from yonder.worker import stdio
from yonder.worker.board import SIZE, Board
from yonder.worker.kept import Kept
from yonder.worker.loop import Loop
from yonder.worker.surroundings import Surroundings

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def connect(path: str) -> socket.socket:
    """A connection to the manager. Programs that a function starts do not inherit it."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(path)
    return sock


def hello(role: str, worker: str = "") -> dict[str, Any]:
    """The first frame of a zygote or a worker."""
    return {
        "wire": wire.VERSION,
        "role": role,
        "worker": worker,
        "pid": os.getpid(),
        "python": platform.python_version(),
    }


def run(path: str, request: dict[str, Any], parent: int) -> NoReturn:
    """Become a worker, serve the manager, and end the process whatever happens."""
    code = 1
    try:
        become(request, parent)
        serve(path, request)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        stdio.flush()
        os._exit(code)


def become(request: dict[str, Any], parent: int) -> None:
    """Leave the zygote's group, follow it into death, take the files of ``request``."""
    os.setsid()
    die_with(parent)
    adopt_orphans()
    stdio.replace(0, os.devnull, os.O_RDONLY)
    stdio.replace(1, request["stdout"], os.O_WRONLY)
    stdio.replace(2, request["stderr"], os.O_WRONLY)
    stdio.by_line()
    reset_signals()
    random.seed()
    faulthandler.enable()
    os.chdir(request["dir"])
    limit_memory(request.get("memory") or 0)


def serve(path: str, request: dict[str, Any]) -> None:
    """Connect and run what the manager sends until it closes the connection."""
    with connect(path) as sock:
        stream = wire.Stream(sock)
        stream.send(wire.Kind.WORKER_HELLO, hello("worker", request["worker"]))
        surroundings = Surroundings(request, sock)
        kept = Kept(request["kept"])
        board = map_board(request["progress"])
        Loop(stream, surroundings, board, kept, request["claims"]).serve()


def map_board(path: str) -> Board:
    """What the manager reads at any time, and after a crash."""
    with open(path, "r+b") as file:
        return Board(memoryview(mmap.mmap(file.fileno(), SIZE)))


def reset_signals() -> None:
    """Functions find the signals as a fresh Python has them; SIGTERM ends the process."""
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def adopt_orphans() -> None:
    """Become the parent of what this process's children leave behind.

    However a function's daemon leaves its session and its parent, it is found when
    the worker has ended: it is the zygote's child then.
    """
    prctl = getattr(stdio.libc, "prctl", None)
    if prctl is not None:
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def limit_memory(size: int) -> None:
    """Bound the memory that this process may ask for, in bytes; 0 for no limit."""
    if size:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def die_with(parent: int) -> None:
    """Ask the kernel to kill this process when the zygote dies."""
    prctl = getattr(stdio.libc, "prctl", None)
    if prctl is not None:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # it died before it was asked
