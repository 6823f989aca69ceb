"""Parsl: the HighThroughputExecutor on one node, with prefetch, without its memo and its scaling."""

from __future__ import annotations

import os
import tempfile
import types
from typing import Any

import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider


class Parsl:
    version = parsl.__version__

    def __init__(self, workers: int, calls: Any) -> None:
        self.directory = tempfile.TemporaryDirectory(prefix="yonder-bench-parsl.")
        os.environ["PYTHONPATH"] = os.path.dirname(__file__)
        executor = HighThroughputExecutor(
            label="bench",
            address="127.0.0.1",
            max_workers_per_node=workers,
            prefetch_capacity=16 * workers,
            provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
            encrypted=False,
        )
        config = Config(
            executors=[executor], strategy="none", run_dir=self.directory.name,
            initialize_logging=False, retries=0,
        )  # fmt: skip
        self.kernel = parsl.load(config)
        self.calls = types.SimpleNamespace(
            noop=parsl.python_app(calls.noop, cache=False), echo=parsl.python_app(calls.echo, cache=False)
        )

    def submit(self, function: Any, *args: Any) -> Any:
        return function(*args)

    def results(self, handles: list[Any]) -> list[Any]:
        return [handle.result() for handle in handles]

    def stop(self) -> None:
        self.kernel.cleanup()
        parsl.clear()
        self.directory.cleanup()


start = Parsl
