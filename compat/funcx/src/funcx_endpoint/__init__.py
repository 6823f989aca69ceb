"""The ``funcx-endpoint`` command, over ``yonder endpoint``."""

from funcx.version import __version__

__all__ = ["__version__"]
