"""With `from __future__ import annotations`."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import TYPE_CHECKING, ClassVar

from harness import case, main

if TYPE_CHECKING:
    import nowhere


@dataclass
class Tree:
    value: int
    left: Tree | None = None
    count: ClassVar[int] = 3
    init: InitVar[int] = 4
    odd: nowhere.Thing = None

    def __post_init__(self, init):
        self.sum = self.value + init


@case(Tree(1))
def lazy(tree: nowhere.Thing) -> Tree:
    return Tree(2, tree, 5), lazy.__annotations__["tree"], list(Tree.__dataclass_fields__)


if __name__ == "__main__":
    main()
