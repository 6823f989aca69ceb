"""Functions that travel by source: ``capture`` on the client, ``restore`` on the worker.

What travels with a function, found by walking the live objects it uses:

* functions of the user's own, by source, wherever they stand; closures with
  the values of their cells; decorated functions as the objects they are now;
* classes by their statement; modules of the user's project as whole files
  when code imports them, else definition by definition;
* other values as literals or pickles;
* whatever is installed, by name: the worker must have it too.

A function's source is compiled and compared with the live function before it
is taken, so an edited file cannot smuggle in other code. Where there is no
such source, its bytecode is taken, and the result runs on the same Python minor
version only: ``CapturedFunction.python`` says so, and a warning does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yonder.capture.restore import Restored, load_code, restore

if TYPE_CHECKING:
    from yonder.capture.captured import CapturedFunction, capture

__all__ = ["CapturedFunction", "Restored", "capture", "load_code", "restore"]


def __getattr__(name: str) -> Any:
    """The capturing half is loaded when it is used: workers do without."""
    if name in ("CapturedFunction", "capture"):
        from yonder.capture import captured

        return getattr(captured, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
