"""Puts the program for one platform into the wheel, so that pip install is the whole installation.

`tools/wheel` sets the two variables; without them the wheel is pure Python, as an
editable installation is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ProgramHook(BuildHookInterface):  # type: ignore[type-arg]
    """YONDER_WHEEL_PROGRAM is the program's file, YONDER_WHEEL_PLATFORM the platform tag."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        program = os.environ.get("YONDER_WHEEL_PROGRAM")
        platform = os.environ.get("YONDER_WHEEL_PLATFORM")
        if version == "editable" or not program or not platform:
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["shared_scripts"][program] = "yonder" + Path(program).suffix
