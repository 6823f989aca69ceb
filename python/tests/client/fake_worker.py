"""Runs the fake service's bundles in this process, as a worker would."""

from __future__ import annotations

import io
import json
import queue
import threading
from contextlib import redirect_stdout

from yonder import capture, codec

from .fake_state import Bundle, State


class FakeWorker:
    """Takes bundles as they are accepted and reports one outcome after the other."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.bundles: queue.SimpleQueue[Bundle] = queue.SimpleQueue()
        self.loaded: dict[str, capture.Restored] = {}
        state.on_bundle = self.bundles.put
        threading.Thread(target=self.work, daemon=True).start()

    def work(self) -> None:
        while True:
            self.run(self.bundles.get())

    def run(self, bundle: Bundle) -> None:
        header = bundle.header
        columns = [
            self.state.blobs[header["blobs"][str(i)]["id"]]
            if str(i) in header.get("blobs", {})
            else c
            for i, c in enumerate(bundle.columns)
        ]
        if header["form"] == "each":
            for index, column in enumerate(columns):
                args, kwargs = codec.unpack_args(column)
                self.call(bundle, index, args, kwargs)
        else:
            self.run_chunk(bundle, columns[0])

    def run_chunk(self, bundle: Bundle, column: bytes) -> None:
        """Successes in runs, failures one by one."""
        function = self.function(bundle)
        done: list[bytes] = []
        calls = codec.unpack_chunk(column)
        for index, (args, kwargs) in enumerate(calls):
            try:
                done.append(codec.pack_value(function(*args, **kwargs)))
            except Exception as error:
                self.report(bundle, index, done)
                done = []
                self.state.finish(bundle, index, index + 1, "exception", codec.pack_error(error))
        self.report(bundle, len(calls), done)

    def report(self, bundle: Bundle, hi: int, done: list[bytes]) -> None:
        if len(done) == 1:
            self.state.finish(bundle, hi - 1, hi, "ok", done[0])
        elif done:
            self.state.finish(bundle, hi - len(done), hi, "ok", codec.join_values(done))

    def call(self, bundle: Bundle, index: int, args: tuple, kwargs: dict) -> None:  # type: ignore[type-arg]
        if index in bundle.cancelled:
            reason = json.dumps({"code": "task_cancelled", "message": "cancelled"}).encode()
            self.state.finish(bundle, index, index + 1, "failed", reason)
            return
        output = io.StringIO()
        try:
            with redirect_stdout(output):
                outcome, payload = "ok", codec.pack_value(self.function(bundle)(*args, **kwargs))
        except Exception as error:
            outcome, payload = "exception", codec.pack_error(error)
        self.state.finish(bundle, index, index + 1, outcome, payload, stdout=output.getvalue())

    def function(self, bundle: Bundle) -> capture.Restored:
        name = bundle.header["function"]
        if name not in self.loaded:
            self.loaded[name] = capture.restore(self.state.bodies[name])
        return self.loaded[name]
