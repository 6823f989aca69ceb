"""The modules that a function lives in on a worker."""

from __future__ import annotations

import builtins
import contextlib
import importlib
import importlib.machinery
import importlib.util
import io
import linecache
import sys
import types
from collections.abc import Iterator
from typing import Any, Optional

from yonder.capture import compiling
from yonder.capture.build import Builder
from yonder.capture.bundle import Bundle, Digests, minor_version
from yonder.errors import RestoreError


class Disagree(Exception):
    """A bundle defines a name otherwise than a bundle that was loaded before."""


class Whole:
    """A module of the user's project that travelled as a file; its own import loader."""

    def __init__(self, name: str, source: dict[str, Any], python: str) -> None:
        self.name, self.text, self._package = name, str(source["text"]), bool(source["package"])
        self._file = str(source["file"])
        self._flags = compiling.older_flags(python)

    def spec(self) -> importlib.machinery.ModuleSpec:
        """What the import system needs to load it."""
        spec = importlib.machinery.ModuleSpec(
            self.name,
            self,  # type: ignore[arg-type]  # create_module and exec_module are all that is used
            origin=self._file,
            is_package=self._package,
        )
        spec.has_location = True
        return spec

    def create_module(self, spec: Any) -> None:
        """Import protocol: an ordinary module will do."""

    def exec_module(self, module: types.ModuleType) -> None:
        """Import protocol: run the file."""
        try:
            code = compile(self.text, self._file, "exec", self._flags, dont_inherit=True)
        except SyntaxError as error:
            raise RestoreError(
                f"module {self.name!r} uses syntax newer than Python {minor_version()}: {error}"
            ) from error
        linecache.cache[self._file] = (
            len(self.text),
            None,
            io.StringIO(self.text).readlines(),
            self._file,
        )
        exec(code, vars(module))

    def get_source(self, name: str) -> str:
        """Import protocol: for tracebacks and ``inspect``."""
        return self.text


class Namespace:
    """Modules rebuilt from bundles; bundles that are loaded later share them.

    While it is entered, ``sys.modules`` has these modules under their names,
    ``__main__`` among them: imports in a function's body find them, and pickles
    name their classes as on the client. One at a time may be entered.
    """

    def __init__(self) -> None:
        self._whole: dict[str, Whole] = {}
        self._spaces: dict[str, types.ModuleType] = {}
        self._loaded: dict[str, dict[str, Any]] = {}
        self._bound: dict[str, tuple[str, Any]] = {}
        # Modules of ours while others have their names, and the other way round.
        self._mine: dict[str, types.ModuleType] = {}
        self._theirs: dict[str, Optional[types.ModuleType]] = {}
        self._depth = 0

    def loaded(self, name: str) -> Optional[dict[str, Any]]:
        """What ``load`` returned for the bundle ``name``, None if it was never loaded."""
        return self._loaded.get(name)

    def load(self, bundle: Bundle, name: str) -> dict[str, Any]:
        """The bundle's objects by node id; ``name`` identifies its bytes.

        Raises Disagree, before anything is built, if it contradicts an earlier bundle.
        """
        if name not in self._loaded:
            with self.active():
                self.take_modules(bundle)
                self._loaded[name] = self._build(bundle)
        return self._loaded[name]

    def take_modules(self, bundle: Bundle) -> None:
        """Make the bundle's whole modules importable in this namespace."""
        for name, source in bundle.modules.items():
            known = self._whole.get(name)
            if known.text != source["text"] if known else name in self._spaces:
                raise Disagree(f"module {name!r}")
        for name, source in bundle.modules.items():
            if name not in self._whole:
                self._whole[name] = Whole(name, source, bundle.python)
                if self._depth:
                    self._theirs[name] = sys.modules.pop(name, None)

    def _build(self, bundle: Bundle) -> dict[str, Any]:
        spaces = {key: self._space(key, space) for key, space in bundle.spaces.items()}
        digests = Digests(bundle)
        kinds = {node["id"]: node["k"] for node in bundle.nodes}
        # Globals that belong to no module ("name#1") are each bundle's own.
        binds = [n for n in bundle.nodes if n["k"] == "bind" and "#" not in n["space"]]
        found = {node["id"]: digests.of(node["to"]) for node in binds}
        table: dict[str, Any] = {}
        done: set[str] = set()
        for node in binds:
            if self._has(node, found[node["id"]], kinds[node["to"]] == "import", table):
                done.add(node["id"])
        Builder(bundle, {key: vars(m) for key, m in spaces.items()}, table, done).run()
        for node in binds:
            if node["to"] in table and node["id"] not in self._bound:
                self._bound[node["id"]] = (found[node["id"]], table[node["to"]])
        return table

    def _has(
        self, node: dict[str, Any], digest: str, imported: bool, table: dict[str, Any]
    ) -> bool:
        """Whether a name is there already: one class must not become two.

        Its object goes into ``table``, except for imports, which are done again:
        the new bundle may want more of the module's submodules.
        """
        known = self._bound.get(node["id"])
        if known is not None and known[0] != digest:
            raise Disagree(f"{node['name']!r}")
        if known is not None:
            if not imported:
                table[node["to"]] = known[1]
            return True
        module = self._spaces.get(node["space"])
        if node["space"] in self._whole and hasattr(module, node["name"]):
            if not imported:
                table[node["to"]] = getattr(module, node["name"])
            return True
        return False

    def _space(self, key: str, space: dict[str, Any]) -> types.ModuleType:
        """The module of single definitions, or the whole module if that came along."""
        if key in self._spaces:
            return self._spaces[key]
        if key in self._whole:
            module = importlib.import_module(key)
        else:
            module = types.ModuleType(space["name"])
            module.__package__ = space["package"]
            # Up to 3.9 a function without it sees no builtins at all.
            vars(module)["__builtins__"] = builtins
        if "#" in key:
            return module
        if key not in self._whole:
            self._theirs.setdefault(key, sys.modules.get(key))
            sys.modules[key] = module
        self._spaces[key] = module
        return module

    # -- sys.modules -----------------------------------------------------

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """``enter`` and ``leave``."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        """Put this namespace's modules into ``sys.modules``; may be nested."""
        self._depth += 1
        if self._depth > 1:
            return
        sys.meta_path.insert(0, self)
        for name in (*self._whole, *self._mine):
            self._theirs.setdefault(name, sys.modules.pop(name, None))
        sys.modules.update(self._mine)

    def leave(self) -> None:
        """Undo ``enter``; what was imported in between is kept for the next time."""
        self._depth -= 1
        if self._depth:
            return
        sys.meta_path.remove(self)
        for name, module in self._theirs.items():
            mine = sys.modules.pop(name, None)
            if mine is not None:
                self._mine[name] = mine
            if module is not None:
                sys.modules[name] = module
        self._theirs.clear()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Import protocol: these modules come before the worker's own of the same name."""
        found = self._whole.get(name)
        return found.spec() if found is not None else None

    def invalidate_caches(self) -> None:
        """Import protocol: there are none."""
