"""What a task finds around it: the same, whatever the task before has done.

Put back before each run: the working directory, the environment, standard
output and error, signal handlers, masks and alarms, the umask and the recursion
limit. What cannot be put back ends the worker once it has reported: a new one
takes two milliseconds. Processes and threads that a task leaves behind go on
until their worker ends, because warm pools of them are of use to the next call;
then they are killed. Calls of one chunk follow each other within one run, as in
a process of one's own.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import sys
from typing import Any, NoReturn

from yonder.worker import stdio

# A worker that has so many dead children of its tasks' children, or so much of
# its descriptors taken, is not for another task.
ZOMBIES = 64
TAKEN = 0.75

# The module below signal: its functions do not make enumerations of numbers,
# which takes most of their time.
_signal: Any = sys.modules.get("_signal", signal)

_HANDLED = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGCHLD,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGPIPE,
)


class Surroundings:
    """How things are when a worker starts."""

    def __init__(self, request: dict[str, Any], sock: socket.socket) -> None:
        self.pid = os.getpid()
        self.directory: str = request["dir"]
        self.paths = {1: request["stdout"], 2: request["stderr"]}
        self.files = {fd: _identity(fd) for fd in self.paths}
        self.streams = {1: sys.stdout, 2: sys.stderr}
        self.sock = sock
        self.connection = _identity(sock.fileno())
        self.variables = os.environ
        self.handlers = {int(number): _signal.getsignal(number) for number in _HANDLED}
        self.umask = os.umask(0o077)
        os.umask(self.umask)
        self.recursion = sys.getrecursionlimit()
        self.limit = _descriptors()
        self.environment: dict[bytes, bytes] = {}
        self.learn()

    def learn(self) -> None:
        """Take the environment as it is: what a function sets while it is loaded stays."""
        current = _data(self.variables)
        if current != self.environment:
            self.environment = dict(current)

    def restore(self) -> None:
        """Put back what the last run has changed."""
        try:
            os.chdir(self.directory)
        except OSError:  # it was removed
            with contextlib.suppress(OSError):
                os.makedirs(self.directory, 0o700, exist_ok=True)
                os.chdir(self.directory)
        self._restore_environment()
        for fd in self.paths:
            self._restore_output(fd)
        self._restore_signals()
        os.umask(self.umask)
        if sys.getrecursionlimit() != self.recursion:
            sys.setrecursionlimit(self.recursion)

    def _restore_environment(self) -> None:
        os.environ = self.variables  # noqa: B003 - the mapping itself, if it was replaced
        current = _data(self.variables)
        if current == self.environment:
            return
        for name in set(current) - set(self.environment):
            del os.environb[name]
        for name, value in self.environment.items():
            if current.get(name) != value:
                os.environb[name] = value

    def _restore_output(self, fd: int) -> None:
        name = {1: "stdout", 2: "stderr"}[fd]
        if _identity(fd) != self.files[fd]:
            with contextlib.suppress(OSError):
                stdio.replace(fd, self.paths[fd], os.O_WRONLY)
                self.files[fd] = _identity(fd)
        if self.streams[fd] is None or self.streams[fd].closed:
            self.streams[fd] = _stream(fd)
        if getattr(sys, name) is not self.streams[fd]:
            setattr(sys, name, self.streams[fd])

    def _restore_signals(self) -> None:
        for number, handler in self.handlers.items():
            if _signal.getsignal(number) != handler:
                signal.signal(number, handler)
        _signal.setitimer(signal.ITIMER_REAL, 0)
        _signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def check(self) -> None:
        """Before anything is told: this must be the worker, and its connection.

        A function that forked and went on in the child must not report twice, and
        one that closed what is not its own must not have a report in its own file.
        """
        if os.getpid() != self.pid:
            stdio.flush()
            os._exit(0)
        if _identity(self.sock.fileno()) != self.connection:
            self.explain("a task closed the worker's connection to its manager")

    def explain(self, why: str) -> NoReturn:
        """End this process, and leave the reason where the manager looks for it."""
        with contextlib.suppress(OSError):
            stdio.replace(2, self.paths[2], os.O_WRONLY)
            os.write(2, why.encode() + b"\n")
        os._exit(1)

    def spent(self) -> bool:
        """Whether the tasks so far have left too little for another one."""
        return self._crowded() or _zombies() > ZOMBIES

    def _crowded(self) -> bool:
        try:
            lowest = os.dup(self.sock.fileno())
        except OSError:
            return True
        os.close(lowest)
        return lowest > self.limit * TAKEN


def _data(variables: Any) -> dict[bytes, bytes]:
    """The environment's own dictionary: comparing it costs less than a copy."""
    found: dict[bytes, bytes] = getattr(variables, "_data", None) or dict(os.environb)
    return found


def _identity(fd: int) -> tuple[int, int]:
    try:
        found = os.fstat(fd)
    except OSError:
        return (-1, fd)
    return (found.st_dev, found.st_ino)


def _stream(fd: int) -> io.TextIOWrapper:
    raw = open(fd, "wb", closefd=False)  # noqa: SIM115 - for as long as the worker lives
    return io.TextIOWrapper(raw, "utf-8", "backslashreplace", line_buffering=True)


def _descriptors() -> float:
    import resource

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return float("inf") if soft == resource.RLIM_INFINITY else float(soft)


def _zombies() -> int:
    """Dead children that nobody has waited for. Only their number is looked at.

    Whoever started them may still ask how they ended.
    """
    try:
        dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except (ChildProcessError, AttributeError):
        return 0
    return len(children()) if dead is not None else 0


def children() -> list[int]:
    """The numbers of this process's children, dead or alive; of all of its threads'."""
    found: list[int] = []
    try:
        for thread in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{thread}/children") as file:
                found += map(int, file.read().split())
    except (OSError, ValueError):
        return _children_of(os.getpid())
    return found


def _children_of(parent: int) -> list[int]:
    """The same where the kernel keeps no list: by everybody's parent."""
    found = []
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                if name.isdigit():
                    with open(f"/proc/{name}/stat") as file:
                        if int(file.read().rpartition(")")[2].split()[1]) == parent:
                            found.append(int(name))
    return found
