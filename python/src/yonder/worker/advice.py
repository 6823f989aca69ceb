"""What to do about exceptions whose cause is where a function runs, not what it does."""

from __future__ import annotations

import importlib.util
import re
import socket
import sys

from yonder.worker import installed

_NAME = re.compile(r"name '([^']+)' is not defined")


def advise(error: BaseException) -> None:
    """Add a note with the cause and the next step, where there is one to give."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        note = _missing(error.name)
    elif type(error) is NameError:  # UnboundLocalError is a mistake of the function's own
        found = _NAME.search(str(error))
        note = _undefined(found.group(1)) if found else ""
    else:
        note = ""
    if note:
        # add_note is of 3.11; what reads notes reads this list.
        error.__notes__ = [*getattr(error, "__notes__", ()), note]  # type: ignore[attr-defined]


def _missing(module: str) -> str:
    package = module.partition(".")[0]
    python, host = sys.executable, socket.gethostname()
    where = f"{python} (Python {sys.version_info[0]}.{sys.version_info[1]}) on {host}"
    if module == installed.NAME or module.startswith(installed.NAME + "."):
        return installed.advice(where)
    if module != package and _there(package):
        return (
            f"{where}, which runs tasks of this endpoint, has {package!r} without {module!r}: "
            f"its version there is another one; compare it with yours: "
            f"{python} -m pip show {package}"
        )
    return (
        f"{where}, which runs tasks of this endpoint, has no package {package!r}: "
        f"install it there, for instance with: {python} -m pip install {package}"
    )


def _there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _undefined(name: str) -> str:
    return (
        f"a function takes along what it uses of its module, as that is when it is submitted "
        f"or registered, and {name!r} was not there: define or import it before, or inside the "
        f"function"
    )
