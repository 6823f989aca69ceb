"""The client for tasks that use it: that of the interpreter's own package.

The archive that a worker runs from has no client, and hides the package that may be
installed beside it. Both are halves of one distribution, so one half of each makes a
whole if they are of one version.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import NamedTuple, Optional

import yonder

NAME = "yonder.client"
_VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)


class Installed(NamedTuple):
    """A package of the interpreter."""

    directory: str
    version: str


def find() -> Optional[Installed]:
    """The yonder package that is installed beside the one that runs, None if there is none.

    Only looked at: importing it would replace the one that runs.
    """
    ours = os.path.dirname(yonder.__path__[0])
    spec = PathFinder.find_spec("yonder", [path for path in sys.path if path != ours])
    if spec is None or not spec.origin or not spec.submodule_search_locations:
        return None
    try:
        with open(spec.origin, encoding="utf-8") as file:
            version = _VERSION.search(file.read())
    except OSError:
        return None
    directory = next(iter(spec.submodule_search_locations))
    return Installed(directory, version.group(1)) if version else None


class ClientFinder:
    """Finds the client where it is installed; the last of ``sys.meta_path``.

    It looks anew each time, which is when a task imports the client for the first time,
    so that installing it needs no restart.
    """

    def find_spec(
        self,
        name: str,
        path: Optional[Sequence[str]] = None,
        target: Optional[ModuleType] = None,
    ) -> Optional[ModuleSpec]:
        """The client's, if its version is ours."""
        found = find() if name == NAME else None
        if found is None or found.version != yonder.__version__:
            return None
        return PathFinder.find_spec(name, [found.directory])


def advice(where: str) -> str:
    """What to do about a client that could not be found; ``where`` says which Python it is."""
    found = find()
    install = f"{sys.executable} -m pip install yonder=={yonder.__version__}"
    if found is None:
        return (
            f"{where}, which runs tasks of this endpoint, has a worker's part of yonder only: "
            f"a task that uses the client needs all of it there: {install}"
        )
    return (
        f"{where}, which runs tasks of this endpoint, has yonder {found.version}, and the "
        f"endpoint is of version {yonder.__version__}: a task that uses the client needs the "
        f"same there: {install}"
    )
