"""Warnings, which point at the line of the user's own program."""

from __future__ import annotations

import os
import sys
import warnings

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep


class SameMinorWarning(UserWarning):
    """A function could only be captured as bytecode: it runs on one Python minor only."""


class OfflineWarning(UserWarning):
    """The endpoint is offline: its tasks wait in the service until its agent is back."""


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the nearest caller that is outside of this package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
