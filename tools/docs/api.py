"""Completes the page of the Python package: every public name, by its kind, for autodoc.

The page follows from ``yonder.__all__``, so nothing that is public can be missing.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import yonder
import yonder.errors

# What most readers look for; the rest keeps the order of the package.
FIRST = ("Executor", "Future", "AsyncExecutor", "Client", "ShellFunction", "ShellResult", "Group")

# What others of the package call, but nobody else, is left out.
MEMBERS = (
    "members",
    "inherited-members: Executor, Future, object, Exception",
    "exclude-members: after_fork, engine, fail, abandon",
)


def entries() -> dict[str, list[str]]:
    """Return directives by the heading that they go under."""
    found: dict[str, list[str]] = {"Classes": [], "Functions": [], "Errors": []}
    names = sorted(
        yonder.__all__, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST)
    )
    public = {name: getattr(yonder, name) for name in names}
    for name, value in public.items():
        if inspect.isclass(value) and issubclass(value, BaseException):
            continue  # below, with all others
        if inspect.isclass(value):
            found["Classes"].append(directive("autoclass", name, *MEMBERS))
        elif inspect.isfunction(value):
            found["Functions"].append(directive("autofunction", name))
    for name, value in sorted(vars(yonder.errors).items()):
        if (
            inspect.isclass(value)
            and issubclass(value, BaseException)
            and value.__module__ in ("yonder.errors", "yonder.warning")
        ):
            home = "" if name in public else "errors."
            found["Errors"].append(directive("autoexception", home + name, "show-inheritance"))
    return found


def directive(kind: str, name: str, *options: str) -> str:
    lines = [
        f".. {kind}:: yonder.{name}",
        *(f"   :{option}" if ":" in option else f"   :{option}:" for option in options),
    ]
    return "```{eval-rst}\n" + "\n".join(lines) + "\n```\n"


def main() -> None:
    """Add the directives to the page named."""
    parts = [Path(sys.argv[1]).read_text()]
    for heading, directives in entries().items():
        if directives:
            parts += [f"## {heading}\n", *directives]
    Path(sys.argv[1]).write_text("\n".join(parts))


if __name__ == "__main__":
    main()
