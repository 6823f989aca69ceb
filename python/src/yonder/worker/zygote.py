"""The zygote: forks workers, and sees to it that none outlives the manager."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import time
from typing import Any, Optional

from yonder import wire
from yonder.errors import MalformedFrame
from yonder.worker import installed, process, surroundings

# How long the end of a zygote may take: only a task that forks without end needs it.
END_S = 5.0
# How long the manager may take to end what a worker has left behind.
SPARE_S = 60.0


def main(argv: list[str]) -> int:
    """Serve the manager at ``--socket`` until it closes the connection."""
    parser = argparse.ArgumentParser(prog="worker.pyz")
    parser.add_argument("--socket", required=True, help="Unix socket of the manager")
    path = parser.parse_args(argv).socket
    sys.meta_path.append(installed.ClientFinder())
    with process.connect(path) as sock:
        Zygote(sock, path).serve()
    return 0


class Zygote:
    """One process without threads that waits for frames and for the end of its children."""

    def __init__(self, sock: socket.socket, path: str) -> None:
        self.path = path
        self.stream = wire.Stream(sock)
        self.workers: dict[int, str] = {}
        self.spared: dict[int, float] = {}
        # Python's own handler writes a byte here for every signal, which ends
        # a select without any code of ours running inside the handler.
        self.wake_read, self.wake_write = os.pipe()
        for fd in (self.wake_read, self.wake_write):
            os.set_blocking(fd, False)

    def serve(self) -> None:
        """Fork and reap until the connection ends; then end every worker."""
        process.adopt_orphans()
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # What lives now lives for ever: keep the collector from touching,
        # and so copying, the pages that workers share.
        gc.collect()
        gc.freeze()
        try:
            self.stream.send(wire.Kind.WORKER_HELLO, process.hello("zygote"))
            self.wait()
        except ConnectionError:
            pass  # the manager is gone, which is one way of being told to end
        finally:
            self.end_all()

    def wait(self) -> None:
        """Handle frames and exits until the connection ends."""
        # poll has no descriptor of its own that a worker would inherit.
        with selectors.PollSelector() as selector:
            selector.register(self.stream.sock, selectors.EVENT_READ)
            selector.register(self.wake_read, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select(SPARE_S if self.spared else None):
                    if key.fd == self.wake_read:
                        self.reap()
                    elif not self.handle(self.stream.recv()):
                        return
                if self.spared:
                    self.kill_strangers()

    def handle(self, frame: Any) -> bool:
        """Act on a frame; False at the end of the stream."""
        if frame is None:
            return False
        if frame.kind != wire.Kind.FORK:
            raise MalformedFrame(f"a zygote takes fork frames, got {frame!r}")
        self.fork(frame.header)
        return True

    def fork(self, request: dict[str, Any]) -> None:
        """Make one more worker."""
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as e:
            # Out of processes or memory: the manager hears of it as an exit.
            self.stream.send(wire.Kind.EXITED, exited(request["worker"], 0, e.errno or 1))
            return
        if pid:
            self.workers[pid] = request["worker"]
            return
        self.leave()
        process.run(self.path, request, parent)

    def leave(self) -> None:
        """In the child: let go of everything that is the zygote's."""
        signal.set_wakeup_fd(-1)
        for fd in (self.wake_read, self.wake_write):
            os.close(fd)
        self.stream.sock.close()

    def reap(self) -> None:
        """Collect every child that has ended, with all that it leaves behind."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.wake_read, 4096)
        while True:
            # The dead child is looked at before it is collected: until then its
            # number cannot belong to a stranger, so the group can be signalled.
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            kill_group(found.si_pid)
            _, status, used = os.wait4(found.si_pid, 0)
            code = os.waitstatus_to_exitcode(status)
            worker = self.workers.pop(found.si_pid, None)
            until = self.spared.pop(found.si_pid, None)
            if worker is not None and code == -signal.SIGTERM:
                until = time.monotonic() + SPARE_S
            self.kill_strangers(until)
            if worker is not None:
                header = exited(worker, found.si_pid, code, used.ru_maxrss)
                self.stream.send(wire.Kind.EXITED, header)

    def kill_strangers(self, spare: Optional[float] = None) -> None:
        """Kill children that are no workers: a worker that has ended left them behind.

        What those leave behind comes up in turn, when they are collected. What a
        worker leaves that was told to end is left to the manager, which gives it time
        to end by itself, until ``spare``.
        """
        for pid in surroundings.children():
            if pid in self.workers:
                continue
            if spare is not None:
                self.spared.setdefault(pid, spare)
            elif self.spared.get(pid, 0) <= time.monotonic():
                kill_group(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def end_all(self) -> None:
        """Kill every worker with its group."""
        self.workers, self.spared = {}, {}  # strangers from now on, all of them
        deadline = time.monotonic() + END_S
        with contextlib.suppress(ChildProcessError):
            while time.monotonic() < deadline:
                self.kill_strangers()
                os.waitpid(-1, 0)


def exited(worker: str, pid: int, code: int, memory: int = 0) -> dict[str, Any]:
    """An Exited header. Python shows a signal as a negative exit code; memory is in KiB."""
    return {
        "worker": worker,
        "pid": pid,
        "code": max(code, -1),
        "signal": max(-code, 0),
        "memory_kib": memory,
    }


def kill_group(pid: int) -> None:
    """Kill what a worker has started and left running."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
