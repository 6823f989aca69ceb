"""How long to wait before trying again."""

from __future__ import annotations

import random

FIRST_S = 0.05
MOST_S = 10.0


def delay(attempt: int, most: float = MOST_S) -> float:
    """Seconds to wait after failure number ``attempt``, which counts from 0.

    Doubles up to ``most``. Half of it is random, so that clients that lost
    the same service do not all come back at once.
    """
    full = min(most, FIRST_S * 2.0 ** min(attempt, 30))
    return full * random.uniform(0.5, 1.0)
