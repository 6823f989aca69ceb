"""Whether a function is still what it was when it was captured.

In a notebook people change a constant or redefine a helper and submit the
same function object again. Capturing it at every call would be right and slow;
comparing what it refers to by identity is right and fast.
"""

from __future__ import annotations

import types
import weakref
from collections.abc import Iterable
from typing import Any, Callable, Optional

from yonder.capture import names
from yonder.capture.functions import WRAPPED
from yonder.capture.modules import home

# Values that cannot change without becoming another object.
_FIXED = (
    *(int, float, complex, bool, str, bytes, range, type(None), type(...), type(NotImplemented)),
    *(types.ModuleType, types.BuiltinFunctionType, types.CodeType, property),
)
_MISSING = object()


class Watch:
    """Remembers everything a function takes from outside, as far as that can be told.

    ``whole`` is False when it refers to something that can change in place,
    like a list or an instance: then it must be captured every time. Functions
    and classes are not kept alive.
    """

    def __init__(self, function: types.FunctionType) -> None:
        self.whole = True
        self._codes: list[tuple[Callable[[], Any], types.CodeType, Any]] = []
        self._names: list[tuple[Any, str, Callable[[], Any]]] = []
        self._cells: list[tuple[types.CellType, Callable[[], Any]]] = []
        self._seen: set[int] = set()
        self._value(function)

    def unchanged(self) -> bool:
        """Whether everything is the same object still."""
        if not self.whole:
            return False
        for get, code, defaults in self._codes:
            function = get()
            if function is None or function.__code__ is not code:
                return False
            if function.__defaults__ is not defaults:
                return False
        for space, name, get in self._names:
            if space.get(name, _MISSING) is not get():
                return False
        return all(_content(cell) is get() for cell, get in self._cells) if self._cells else True

    def _function(self, function: types.FunctionType) -> None:
        defaults = function.__defaults__
        self._codes.append((weakref.ref(function), function.__code__, defaults))
        for name in names.global_names(function.__code__):
            self._name(function.__globals__, name)
        for values in (function.__kwdefaults__ or {}, function.__dict__):
            for name in values:
                self._name(values, name)
        for cell in function.__closure__ or ():
            value = _content(cell)
            self._cells.append((cell, _getter(value)))
            self._value(value)
        self._values(defaults or ())

    def _name(self, space: Any, name: str) -> None:
        value = space.get(name, _MISSING)
        self._names.append((space, name, _getter(value)))
        self._value(value)

    def _values(self, values: Iterable[Any]) -> None:
        for value in values:
            self._value(value)

    def _value(self, value: Any) -> None:
        if isinstance(value, _FIXED) or value is _MISSING or id(value) in self._seen:
            return
        self._seen.add(id(value))
        if isinstance(value, (tuple, frozenset)):
            self._values(value)
        elif isinstance(value, types.FunctionType):
            if not self._codes or home(value.__module__ or "") != "installed":
                self._function(value)
        elif isinstance(value, (staticmethod, classmethod)):
            self._value(value.__func__)
        elif hasattr(type(value), WRAPPED):
            self._value(getattr(value, WRAPPED))
        elif isinstance(value, type):
            self._class(value)
        else:
            self.whole = False

    def _class(self, cls: type) -> None:
        if home(cls.__module__) == "installed":
            return
        space = vars(cls)
        for name in list(space):
            # What the class statement leaves behind is made from the rest.
            if not name.startswith("__") or isinstance(space[name], types.FunctionType):
                self._name(space, name)
        self._values(cls.__bases__)


def _getter(value: Any) -> Callable[[], Any]:
    if isinstance(value, (types.FunctionType, type)):
        return weakref.ref(value)
    return lambda: value


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not set yet
        return _MISSING


def watch(function: Callable[..., Any]) -> Optional[Watch]:
    """A watch over a plain function; None for other callables."""
    return Watch(function) if isinstance(function, types.FunctionType) else None
