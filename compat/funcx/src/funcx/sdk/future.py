"""The future of a task, with funcX's exceptions."""

from __future__ import annotations

import concurrent.futures
from typing import Any, Optional

from yonder import Future
from yonder.errors import YonderError

from funcx.errors import failed, of_task, translate
from funcx.sdk.tasks import completed


class FuncXFuture(concurrent.futures.Future[Any]):
    """A ``concurrent.futures.Future`` that knows its task.

    Its exception is a FuncxTaskExecutionFailed. ``cancel()`` also stops the task where it runs.
    """

    __yonder_stays_here__ = True

    def __init__(self, source: Future[Any]) -> None:
        super().__init__()
        self._source = source
        source.add_done_callback(self._settle)

    @property
    def task_id(self) -> Optional[str]:
        """The task's id; None until it is sent."""
        return self._source.task_id

    def cancel(self) -> bool:
        """Cancel; False when there is a result already."""
        return self._source.cancel()

    def abandon(self) -> bool:
        """Cancel this future alone: the task may go on."""
        return self._source.abandon()

    def _settle(self, source: concurrent.futures.Future[Any]) -> None:
        if source.cancelled():
            super().cancel()
            self.set_running_or_notify_cancel()
            return
        error = source.exception()
        if error is None:
            self.set_result(source.result())
        elif isinstance(error, YonderError) and not of_task(error):
            self.set_exception(translate(error))
        else:
            self.set_exception(failed(error, completed(self._source)))
