"""Where funcX had the error of its web service."""

from funcx.errors import FuncxAPIError

__all__ = ["FuncxAPIError"]
