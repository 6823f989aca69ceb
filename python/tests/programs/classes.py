"""Classes as people write them, in a script. Python 3.9 syntax."""

import abc
import enum
import typing
from collections import namedtuple
from dataclasses import dataclass, field
from functools import partial
from math import sqrt
from typing import Generic, List, NamedTuple, TypeVar

from harness import add, case, main
from helpers import Pair

LIMIT = 10


def make_with_class():
    offset = Point(1, 2)

    def shift(p):
        return Point(p.x + offset.x, p.y + offset.y)

    return shift


@dataclass
class Point:
    x: int
    y: int = LIMIT
    tags: List[str] = field(default_factory=list)

    def moved(self, by):
        return Point(self.x + by, self.y + by, [*self.tags, "moved"])

    @property
    def norm(self):
        return sqrt(self.x**2 + self.y**2)

    @classmethod
    def origin(cls):
        return cls(0, 0)

    @staticmethod
    def unit():
        return 1


@dataclass(frozen=True, order=True)
class Key:
    name: str
    number: int = 0


add("class_itself", Point, 1, 2)
add("bound_method", Point(1, 2).moved, 3)
add("class_method", Point.origin)
add("unbound_method", Point.moved, Point(1, 2), 1)
add("closure_with_instance", make_with_class(), Point(5, 5))


@case(Point(3, 4))
def takes_and_returns(p):
    assert isinstance(p, Point)
    return [p.moved(1), p.norm, Point.origin(), Key("k") < Key("l"), {Key("k"): p}]


@case([Key("a"), {"k": Key("b", 1)}])
def passes_through(value):
    return value


class Animal(abc.ABC):
    legs = 4
    registry = {}

    def __init__(self, name):
        self.name = name
        self.__secret = name[::-1]

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        Animal.registry[cls.__name__] = cls.legs

    @abc.abstractmethod
    def speak(self):
        return f"{self.name} says"

    def secret(self):
        return self.__secret


class Bird(Animal):
    legs = 2

    def speak(self):
        return super().speak() + " chirp"


class Parrot(Bird):
    def speak(self):
        return super(Parrot, self).speak() + "!"

    def __eq__(self, other):
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None


@case("Polly")
def inheritance(name):
    bird = Parrot(name)
    return bird.speak(), bird.secret(), bird.legs, isinstance(bird, Animal), bird


class Colour(enum.Enum):
    RED = 1
    BLUE = "b"

    @property
    def lower(self):
        return self.name.lower()


class Flags(enum.IntFlag):
    A = 1
    B = 2


Level = enum.Enum("Level", "LOW HIGH")


@case(Colour.RED, Flags.A | Flags.B)
def enums(colour, flags):
    return colour is Colour.RED, Colour("b"), colour.lower, flags & Flags.A, Flags.B, Level.HIGH


class Row(NamedTuple):
    name: str
    size: int = LIMIT


Cell = namedtuple("Cell", ["value", "note"])


@case(Row("r"), Cell(1, 2), Pair(1))
def named_tuples(row, cell, pair):
    return row._replace(size=3), cell.value, Cell(3, 4), pair, Pair(5, 6)


T = TypeVar("T")


class Box(Generic[T]):
    def __init__(self, content: T) -> None:
        self.content = content

    def get(self) -> T:
        return self.content


@case(4)
def generics(x):
    return Box[int](x).get(), typing.cast(T, x)


class Outer:
    class Inner:
        depth = 2

        def __eq__(self, other):
            return type(other) is type(self)

        __hash__ = None


@case(Outer.Inner())
def nested_class(inner):
    assert type(inner) is Outer.Inner
    return inner, Outer.Inner.depth


class Config:
    rate = 0.1
    size = LIMIT * 2
    names = ["a"]
    later: int


Config.rate = 0.5
Config.names.append("b")
Config.added = "new"


@case()
def changed_class(c=Config):
    return c.rate, c.size, c.names, c.added, Config.added


class Settings:
    def __init__(self):
        self.values = {"depth": 3}

    def depth(self):
        return SETTINGS.values["depth"]


SETTINGS = Settings()


@case()
def instance_that_names_itself():
    return SETTINGS.depth()


class Multiplier:
    def __init__(self, by):
        self.by = by

    def __call__(self, x):
        return x * self.by * LIMIT


add("callable_instance", Multiplier(3), 2)
add("partial_with_instance", partial(takes_and_returns, Point(6, 8)))


class Meta(type):
    def __new__(mcls, name, bases, namespace):
        namespace["made_by"] = "Meta"
        return super().__new__(mcls, name, bases, namespace)


class WithMeta(metaclass=Meta):
    pass


@case()
def metaclass():
    return WithMeta.made_by


class Trouble(Exception):
    def __init__(self, code, hint):
        super().__init__(f"{code}: {hint}")
        self.code = code

    def __eq__(self, other):
        return type(self) is type(other) and self.code == other.code

    __hash__ = None

    def __reduce__(self):
        return Trouble, (self.code, "hint")


@case()
def own_exception():
    try:
        raise Trouble(3, "no")
    except Trouble as trouble:
        return trouble


def patched(self):
    return "patched"


class Patched:
    def act(self):
        return "as written"


Patched.extra = patched


@case()
def patched_class():
    return Patched().act(), Patched().extra()


def local_class():
    class Inside:
        def value(self):
            return LIMIT

    return Inside


LocalClass = local_class()


@case()
def class_of_function():
    return LocalClass().value()


# -- as arguments of functions ----------------------------------------------
@case(Point(1, 1).moved, 2)
def apply(fn, x):
    return fn(x)


add("apply_class", apply, Point, 2)


@case(Point)
def class_argument(cls):
    return cls is Point


if __name__ == "__main__":
    main()
