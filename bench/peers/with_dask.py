"""Dask: a LocalCluster of processes with one thread each, and ``Client.submit`` with ``pure=False``."""

from __future__ import annotations

from typing import Any

import distributed


class Dask:
    version = distributed.__version__

    def __init__(self, workers: int, calls: Any) -> None:
        self.calls = calls
        self.cluster = distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
        )
        self.client = distributed.Client(self.cluster)

    def submit(self, function: Any, *args: Any) -> Any:
        return self.client.submit(function, *args, pure=False)

    def results(self, handles: list[Any]) -> list[Any]:
        return self.client.gather(handles)

    def stop(self) -> None:
        self.client.close()
        self.cluster.close()


start = Dask
