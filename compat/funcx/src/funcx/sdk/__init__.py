"""The client and the executor."""

from funcx.version import VERSION, __version__

__all__ = ["VERSION", "__version__"]
