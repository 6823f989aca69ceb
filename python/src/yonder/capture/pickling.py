"""Pickles in which the user's own classes and functions are references to
nodes of a bundle, so that they can be loaded where those do not exist."""

from __future__ import annotations

import functools
import io
import pickle
import sys
import types
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional

from yonder.capture.functions import WRAPPED, is_single_dispatch
from yonder.capture.modules import STAYS_HERE, home
from yonder.errors import CaptureError, PackError, UnpackError

if TYPE_CHECKING:
    from yonder.capture.graph import Graph

# Readable by every Python from 3.8 on.
PROTOCOL = 5

_CACHED = type(functools.lru_cache(len))
_TYPING = tuple(
    kind
    for name in ("TypeVar", "ParamSpec", "TypeVarTuple", "NewType")
    if isinstance(kind := getattr(typing, name, None), type)
)
# Where newer versions keep what older ones call otherwise.
_MOVED = {"pathlib._local": "pathlib", "numpy._core": "numpy.core"}

_WHAT_TO_DO = {
    "lock": "a lock belongs to one process: make it inside the function",
    "RLock": "a lock belongs to one process: make it inside the function",
    "Thread": "a thread belongs to one process: start it inside the function",
    "generator": "pass a list of its items",
    "coroutine": "await it and pass its result",
    "TextIOWrapper": "open the file inside the function, and pass its path or its contents",
    "BufferedReader": "open the file inside the function, and pass its path or its contents",
    "BufferedWriter": "open the file inside the function, and pass its path or its contents",
    "socket": "connect inside the function",
    "Connection": "connect inside the function",
    "memoryview": "pass bytes(...)",
    "dict_keys": "pass list(...)",
    "dict_values": "pass list(...)",
    "dict_items": "pass list(...)",
    "mappingproxy": "pass dict(...)",
    "frame": "frames and tracebacks stay in their process: pass their text",
    "traceback": "frames and tracebacks stay in their process: pass their text",
}


def item(key: str) -> Any:
    """Stands in pickles for "node ``key``"; loading replaces it."""
    raise UnpackError(f"{key!r} belongs to a function's code, which did not come along")


def rebuild_cached(fn: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    """``functools.lru_cache`` around a function; the cache starts empty."""
    return functools.lru_cache(**parameters)(fn)


def rebuild_single_dispatch(fn: Any, cases: list[tuple[type, Any]]) -> Any:
    """``functools.singledispatch`` with the cases that had been registered."""
    made = functools.singledispatch(fn)
    for cls, case in cases:
        made.register(cls, case)
    return made


class CodePickler(pickle.Pickler):
    """Pickles a value; ``used`` are the nodes that it refers to.

    ``graph`` may be made only when the first class or function of the user's
    own is met: most values have none.
    """

    def __init__(self, file: io.BytesIO, graph: Graph | Callable[[], Graph]) -> None:
        super().__init__(file, PROTOCOL)
        self._graph = graph
        self.used: list[str] = []

    def _item(self, obj: Any) -> Any:
        from yonder.capture.graph import Graph

        if not isinstance(self._graph, Graph):
            self._graph = self._graph()
        key = self._graph.refer(obj)
        self.used.append(key)
        return item, (key,)

    def reducer_override(self, obj: Any) -> Any:
        """Called by pickle for everything but builtin constants and containers."""
        if isinstance(obj, type):
            return NotImplemented if home(obj.__module__) == "installed" else self._item(obj)
        if isinstance(obj, types.FunctionType):
            if is_single_dispatch(obj):
                registry: dict[type, Any] = dict(vars(obj)["registry"])
                default = registry.pop(object)
                return rebuild_single_dispatch, (default, list(registry.items()))
            return NotImplemented if _by_name(obj, "installed") else self._item(obj)
        if isinstance(obj, types.ModuleType):
            return self._item(obj)
        if isinstance(obj, (types.BuiltinFunctionType, types.MethodType)):
            return self._item(obj) if _is_hidden(obj) else NotImplemented
        if isinstance(obj, _CACHED) and not _by_name(obj, "installed"):
            return rebuild_cached, (obj.__wrapped__, obj.cache_parameters())
        if isinstance(obj, _TYPING) and home(obj.__module__) != "installed":
            return self._item(obj)
        if hasattr(type(obj), WRAPPED) or hasattr(type(obj), STAYS_HERE):
            return self._item(obj)
        return NotImplemented


def _by_name(obj: Any, where: str) -> bool:
    """Whether the object is what its module, which has that home, has under its name."""
    found: Any = sys.modules.get(obj.__module__)
    if home(obj.__module__ or "") != where:
        return False
    for part in obj.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is obj


def _is_hidden(obj: Any) -> bool:
    """``random.random`` and the like: methods that a module offers as functions."""
    owner = obj.__self__
    if owner is None or isinstance(owner, (type, types.ModuleType)):
        return False
    module = type(owner).__module__
    exported = getattr(sys.modules.get(module), obj.__name__, None)
    return exported is obj and home(module) == "installed"


class CodeUnpickler(pickle.Unpickler):
    """Loads ``CodePickler``'s output; ``find`` gives the object for a node's id."""

    def __init__(self, file: Any, find: Optional[Callable[[str], Any]] = None) -> None:
        super().__init__(file)
        self._find = find

    def find_class(self, module: str, name: str) -> Any:
        """Look up a class or function by name, also where it was moved to."""
        if module == __name__ and name == "item" and self._find is not None:
            return self._find
        try:
            return super().find_class(module, name)
        except ModuleNotFoundError as error:
            for new, old in _MOVED.items():
                if module == new or module.startswith(new + "."):
                    return super().find_class(old + module[len(new) :], name)
            raise UnpackError(_missing_module(module, name, error)) from error
        except AttributeError as error:
            raise UnpackError(
                f"the value refers to {module}.{name}, which does not exist here: "
                + (
                    "define it in this program, as where the value was made"
                    if module == "__main__"
                    else f"is another version of {module.partition('.')[0]!r} installed?"
                )
            ) from error


def _missing_module(module: str, name: str, error: ModuleNotFoundError) -> str:
    return (
        f"the value refers to {module}.{name}, and Python {sys.version_info[0]}."
        f"{sys.version_info[1]} here has no module {error.name!r}: install it"
    )


def packs_with_code(obj: Any) -> bool:
    """Whether ``CodePickler`` takes the value."""
    from yonder.capture.graph import Graph

    graph = Graph("")
    try:
        CodePickler(io.BytesIO(), graph).dump(obj)
        graph.settle()
    except Exception:
        return False
    return True


def explain(obj: Any, error: BaseException, packs: Callable[[Any], bool] = packs_with_code) -> str:
    """Why a value cannot be pickled: where in it the culprit is, and what to do."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply to be packed: pass a flat structure"
    path, culprit = _culprit(obj, "", 0, packs)
    kind = type(culprit)
    todo = _WHAT_TO_DO.get(kind.__name__) or _WHAT_TO_DO.get(
        getattr(kind, "__base__", kind).__name__
    )
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    where = f" at {path}" if path else ""
    cause = f"cannot pickle {name!r} object{where}"
    if not isinstance(error, (CaptureError, PackError)) and "cannot pickle" not in str(error):
        cause += f" ({error})"
    return (
        f"{cause}: {todo or 'pass data that it can be made from, and make it inside the function'}"
    )


def _culprit(obj: Any, path: str, depth: int, packs: Callable[[Any], bool]) -> tuple[str, Any]:
    """The innermost part that fails on its own."""
    if depth < 8:
        for step, part in _parts(obj):
            if not packs(part):
                return _culprit(part, path + step, depth + 1, packs)
    return path, obj


def _parts(obj: Any) -> list[tuple[str, Any]]:
    if isinstance(obj, dict):
        pairs = [(f"[{key!r}]", value) for key, value in obj.items()]
        return [*pairs, *((f" key {key!r}", key) for key in obj)]
    if isinstance(obj, (list, tuple, set, frozenset)):
        return [(f"[{at}]", part) for at, part in enumerate(obj)]
    state = getattr(obj, "__dict__", None)
    return [(f".{name}", part) for name, part in state.items()] if isinstance(state, dict) else []
