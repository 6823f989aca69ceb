"""The interface of funcX's SDK, over Yonder.

Programs that were written for funcX 0.3 to 2.x run against any Yonder service;
what is not the same is in the README's table. New programs use ``yonder``.
"""

from __future__ import annotations

from funcx.sdk.client import FuncXClient
from funcx.sdk.errors import FuncxAPIError
from funcx.sdk.executor import FuncXExecutor
from funcx.version import __version__

__all__ = ["FuncXClient", "FuncXExecutor", "FuncxAPIError", "__version__"]
