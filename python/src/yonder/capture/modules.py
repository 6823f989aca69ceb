"""Which modules a worker has of its own, and which must travel.

Three homes: ``installed`` (the standard library, site-packages, compiled
modules: imported by name on the worker), ``local`` (the user's project: its
source travels) and ``main`` (a script, a notebook, a prompt: nothing that can
be imported, so it is captured definition by definition).
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import site
import sys
import sysconfig
from types import CodeType, ModuleType
from typing import Any, Optional

from yonder.capture.names import Import, imports_in
from yonder.errors import CaptureError

# Objects that must stay with the client (clients, executors, futures) have this attribute.
STAYS_HERE = "__yonder_stays_here__"


def home(name: str) -> str:
    """``"installed"``, ``"local"`` or ``"main"`` for a module's name."""
    if name in ("__main__", "__mp_main__"):
        return "main"
    module = sys.modules.get(name)
    origin = getattr(module, "__file__", None)
    if module is not None and origin is None and getattr(module, "__spec__", None) is None:
        return "main"  # made at run time: nothing can import it
    return _home(name, origin if isinstance(origin, str) else None)


@functools.lru_cache(maxsize=4096)
def _home(name: str, origin: Optional[str]) -> str:
    top = name.partition(".")[0]
    if top == "yonder" or top in sys.builtin_module_names or top in _stdlib_names():
        return "installed"
    if origin is None:
        spec = _find_spec(name)
        places = list(spec.submodule_search_locations or ()) if spec is not None else []
        origin = spec.origin if spec is not None else None
        if origin is None or not os.path.isabs(origin):
            # A folder without __init__.py; anything else without a file is not ours.
            return "local" if places and not _is_installed(places[0]) else "installed"
    return "local" if origin.endswith(".py") and not _is_installed(origin) else "installed"


def _stdlib_names() -> frozenset[str]:
    return getattr(sys, "stdlib_module_names", frozenset())  # from 3.10 on


@functools.lru_cache(maxsize=1)
def _installed_places() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    found = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    found.update(getattr(site, "getsitepackages", list)())
    found.add(os.path.dirname(os.__file__))
    if site.ENABLE_USER_SITE:
        found.add(site.getusersitepackages())
    return tuple(os.path.realpath(path) + os.sep for path in found)


def _is_installed(path: str) -> bool:
    parts = path.split(os.sep)
    if "site-packages" in parts or "dist-packages" in parts:
        return True
    return os.path.realpath(path).startswith(_installed_places())


def _find_spec(name: str) -> Any:
    """The spec of a module that may not be loaded; ``None`` if there is none."""
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None


def absolute(item: Import, package: Optional[str]) -> Optional[str]:
    """The full name of the module that an import statement names."""
    if not item.level:
        return item.module
    try:
        return importlib.util.resolve_name("." * item.level + item.module, package or "")
    except ImportError:
        return None


class Modules:
    """The project's modules that a bundle carries as whole files.

    ``sources`` maps a name to ``{"text", "package", "file"}``; ``required``
    are the top-level names of installed modules that were met on the way.
    """

    def __init__(self) -> None:
        self.sources: dict[str, dict[str, Any]] = {}
        self.required: set[str] = set()

    def need(self, name: str) -> bool:
        """Take a module and all that it imports; False if there is no such module."""
        if name in self.sources:
            return True
        where = home(name)
        if where == "main":
            return True
        if where == "installed":
            return self._require(name)
        parent = name.rpartition(".")[0]
        if parent:
            self.need(parent)
        source = _read(name)
        if source is None:
            return False
        self.sources[name] = source
        _refuse_client_at_import(name)
        self.need_imports(_compile(name, source), name if source["package"] else parent)
        return True

    def need_imports(self, code: CodeType, package: Optional[str]) -> None:
        """Take the modules that a piece of code imports."""
        for item in imports_in(code):
            module = absolute(item, package)
            if module is None or not self.need(module):
                continue
            if home(module) == "local":
                for name in item.names:
                    if name != "*" and _find_spec(f"{module}.{name}") is not None:
                        self.need(f"{module}.{name}")

    def _require(self, name: str) -> bool:
        top = name.partition(".")[0]
        stdlib = _stdlib_names() or sys.builtin_module_names
        if _find_spec(top) is None:
            return True  # not here either: one of several that will do
        if top not in stdlib and top != "yonder" and not _in_stdlib_folder(top):
            self.required.add(top)
        return True


@functools.lru_cache(maxsize=1024)
def _in_stdlib_folder(top: str) -> bool:
    """For 3.9, which has no list of the standard library's names."""
    if hasattr(sys, "stdlib_module_names"):
        return False
    spec = _find_spec(top)
    origin = getattr(spec, "origin", None) or ""
    return origin in ("built-in", "frozen") or (
        "site-packages" not in origin and origin.startswith(os.path.dirname(os.__file__))
    )


def _read(name: str) -> Optional[dict[str, Any]]:
    spec = _find_spec(name)
    if spec is None:
        return None
    package = spec.submodule_search_locations is not None
    if spec.origin is None or not spec.origin.endswith(".py"):
        return {"text": "", "package": package, "file": name}
    try:
        text = spec.loader.get_source(name)
    except (AttributeError, ImportError, OSError) as error:
        raise CaptureError(f"module {name!r} has no source that can travel: {error}") from None
    label = name.replace(".", "/") + ("/__init__.py" if package else ".py")
    source = {"text": text or "", "package": package, "file": label}
    _refuse_stale(name, source)
    return source


def _compile(name: str, source: dict[str, Any]) -> CodeType:
    try:
        return compile(source["text"], source["file"], "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise CaptureError(f"module {name!r} cannot be compiled: {error}") from None


def _refuse_stale(name: str, source: dict[str, Any]) -> None:
    """A file that was edited after its import would run other code than here."""
    from yonder.capture import compiling, names, sources

    module = sys.modules.get(name)
    if module is None or not sources.is_plain(vars(module)):
        return
    codes: dict[str, list[CodeType]] = {}
    for code in names.nested(_compile(name, source)):
        codes.setdefault(code.co_name, []).append(code)
    for attr, value in list(vars(module).items()):
        live = getattr(value, "__code__", None)
        if not isinstance(live, CodeType) or live.co_filename != getattr(module, "__file__", None):
            continue
        if not any(compiling.same_code(live, other) for other in codes.get(live.co_name, ())):
            raise CaptureError(
                f"{attr!r} in module {name!r} is not what its file says now: the file was changed "
                "after it was imported. Import it again (importlib.reload) or restart"
            )


def _refuse_client_at_import(name: str) -> None:
    module = sys.modules.get(name)
    for attr, value in list(vars(module).items()) if isinstance(module, ModuleType) else []:
        if getattr(type(value), STAYS_HERE, False):
            raise CaptureError(
                f"module {name!r} would travel to the worker and be imported there, but it makes "
                f"a {type(value).__name__} ({attr!r}) when it is imported: make it in the script "
                "that submits, or under `if __name__ == '__main__':`"
            )
