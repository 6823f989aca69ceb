"""What needs Python 3.10: must work from there on, and say so on 3.9."""

from dataclasses import dataclass

from harness import add, case, main


def matching(value):
    match value:
        case {"kind": str(kind)}:
            return kind
        case [first, *rest]:
            return first, rest
        case _:
            return None


add("match_statement", matching, {"kind": "k"})
add("match_statement_list", matching, [1, 2])


@dataclass(slots=True, kw_only=True)
class Slim:
    a: int
    b: int | None = None


@case(Slim(a=1))
def slots(slim):
    return Slim(a=slim.a, b=2)


# These two work on 3.9 as well: their annotations are only text there.
@case(1)
def union_annotation(x: int | None, y: list[int] | str = "s") -> int | None:
    return x


@dataclass
class Optional_:
    a: int | None = None


@case(Optional_(3))
def union_in_class(o):
    return Optional_(o.a)


if __name__ == "__main__":
    main()
