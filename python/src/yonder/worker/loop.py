"""The worker's loop: load functions, run tasks, report outcomes."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import NoReturn

from yonder import context, wire
from yonder.errors import MalformedFrame
from yonder.worker import calls
from yonder.worker.board import Board
from yonder.worker.functions import Functions
from yonder.worker.report import Report
from yonder.worker.teller import Teller


class Loop:
    """Serves one manager over one connection, one run at a time."""

    def __init__(self, stream: wire.Stream, directory: str, board: Board) -> None:
        self.stream = stream
        self.directory = directory
        self.board = board
        self.functions = Functions()
        self.teller = Teller()

    def serve(self) -> None:
        """Handle frames until the manager closes the connection."""
        while True:
            try:
                frame = self.stream.recv()
            except ConnectionError:
                return
            if frame is None:
                return
            if frame.kind == wire.Kind.LOAD:
                self.functions.load(frame.header["function"], bytes(frame.columns[0]))
            elif frame.kind == wire.Kind.RUN:
                self.run(frame)
            else:
                raise MalformedFrame(f"a worker takes load and run frames, got {frame!r}")

    def run(self, frame: wire.Frame) -> None:
        """Run the tasks of one Run frame and report every one of them."""
        header = frame.header
        # Before anything is loaded: a payload or a function that crashes the
        # process is then blamed on the task that brought it.
        self.board.where[1] = header["lo"]
        self.board.where[0] = header["run"]
        with contextlib.suppress(OSError):
            os.chdir(self.directory)  # where the last function may have left from
        task = context.CurrentTask(header["task"], header["lo"], header["attempt"], self.board)
        context.set_current_task(task)
        report = Report(self.stream, header["run"], header["inline"], self.directory)
        try:
            run = calls.Run(header, frame.columns, report, task, self.board.where, self.teller)
            run.go(lambda: self.functions.get(header["function"]))
            report.flush(last=True)
        except ConnectionError:
            abandon()
        finally:
            context.set_current_task(None)


def abandon() -> NoReturn:
    """The manager is gone: end this process and all that it has started."""
    os.killpg(0, signal.SIGKILL)
    os._exit(1)
