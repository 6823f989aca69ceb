"""Ray: ``num_cpus`` as many as workers, no dashboard, and one ``.remote()`` a call."""

from __future__ import annotations

import types
from typing import Any

import ray


class Ray:
    version = ray.__version__

    def __init__(self, workers: int, calls: Any) -> None:
        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="error")
        self.calls = types.SimpleNamespace(noop=ray.remote(calls.noop), echo=ray.remote(calls.echo))

    def submit(self, function: Any, *args: Any) -> Any:
        return function.remote(*args)

    def results(self, handles: list[Any]) -> list[Any]:
        return ray.get(handles)

    def stop(self) -> None:
        ray.shutdown()


start = Ray
