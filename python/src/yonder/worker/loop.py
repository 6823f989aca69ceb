"""The worker's loop: load functions, run tasks, report outcomes."""

from __future__ import annotations

import os
import signal
from typing import Any, Callable, NoReturn

from yonder import context, wire
from yonder.errors import MalformedFrame
from yonder.worker import calls
from yonder.worker.board import Board
from yonder.worker.claims import claims
from yonder.worker.functions import Functions
from yonder.worker.kept import Kept
from yonder.worker.report import Report
from yonder.worker.surroundings import Surroundings
from yonder.worker.teller import Teller


class Loop:
    """Serves one manager over one connection, one run at a time."""

    def __init__(
        self,
        stream: wire.Stream,
        surroundings: Surroundings,
        board: Board,
        kept: Kept,
        claims: str = "",
    ) -> None:
        self.stream = stream
        self.surroundings = surroundings
        self.board = board
        self.kept = kept
        self.claims = claims
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
                if self.surroundings.spent():
                    return
            else:
                raise MalformedFrame(f"a worker takes load and run frames, got {frame!r}")

    def run(self, frame: wire.Frame) -> None:
        """Run the tasks of one Run frame and report every one of them."""
        header = frame.header
        # Before anything is loaded: a payload or a function that crashes the
        # process is then blamed on the task that brought it.
        self.board.where[1] = header["lo"]
        self.board.where[0] = header["run"]
        self.surroundings.restore()
        if header["hi"] - header["lo"] > 1:
            self.kept.begin(header["run"])
        task = context.CurrentTask(header["task"], header["lo"], header["attempt"], self.board)
        context.set_current_task(task)
        report = Report(self.stream, header, self.surroundings, self.kept)
        try:
            where, block = self.board.where, header.get("block", 0)
            with claims(self.claims, header["lo"], header["hi"], block) as mine:
                run = calls.Run(header, frame.columns, report, task, where, self.teller, mine)
                run.go(lambda: self.load(header["function"]))
                report.flush(last=True)
        except ConnectionError:
            abandon()
        finally:
            context.set_current_task(None)

    def load(self, name: str) -> Callable[..., Any]:
        """The function; what loading it has set in the environment stays."""
        function = self.functions.get(name)
        self.surroundings.learn()
        return function


def abandon() -> NoReturn:
    """The manager is gone: end this process and all that it has started."""
    os.killpg(0, signal.SIGKILL)
    os._exit(1)
