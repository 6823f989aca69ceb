"""Celery: a prefork worker and a Redis server of its own on a Unix socket, which keeps nothing on disk."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import Any

import celery


class Celery:
    version = celery.__version__

    def __init__(self, workers: int, calls: Any) -> None:
        here = pathlib.Path(__file__).parent
        self.directory = tempfile.TemporaryDirectory(prefix="yonder-bench-celery.")
        socket = f"{self.directory.name}/redis.sock"
        # As root, a worker that takes pickles has to be told that this is meant: nobody else reaches the socket.
        os.environ |= {"BENCH_REDIS": socket, "PYTHONPATH": str(here), "C_FORCE_ROOT": "1"}
        self.redis = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no"],
            cwd=self.directory.name,
            stdout=subprocess.DEVNULL,
        )
        while not os.path.exists(socket) and self.redis.poll() is None:
            time.sleep(0.05)
        self.worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "-P", "prefork", "-c", str(workers),
             "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "error"],
            cwd=self.directory.name,
        )  # fmt: skip
        import celery_app

        self.calls = celery_app

    def submit(self, function: Any, *args: Any) -> Any:
        return function.delay(*args)

    def results(self, handles: list[Any]) -> list[Any]:
        if len(handles) == 1:
            return [handles[0].get()]
        from celery.result import ResultSet

        # One subscription for all, where get() would wait for one after the other.
        return ResultSet(handles).join_native()

    def stop(self) -> None:
        for process in (self.worker, self.redis):
            process.terminate()
            process.wait(30)
        self.directory.cleanup()


start = Celery
