"""Model inference: a model is trained at the endpoint, and workers keep it in memory between calls.

One task trains a classifier of small pictures of digits and leaves it in a file on the endpoint's machine. Then many
calls classify one picture each. A worker reads the file at its first call only: functions keep their module's state,
here a cache, for as long as their worker lives.

    python examples/inference.py --endpoint NAME --pictures 500
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import tempfile
import time
from functools import lru_cache
from pathlib import Path

import yonder

# Seven rows of five points.
DIGITS = (
    "01110100011000110001100011000101110",
    "00100011000010000100001000010001110",
    "01110100010000100010001000100011111",
    "11110000010000101110000010000111110",
    "00010001100101010010111110001000010",
    "11111100001111000001000011000101110",
    "01110100001000011110100011000101110",
    "11111000010001000100010000100001000",
    "01110100011000101110100011000101110",
    "01110100011000101111000010000101110",
)
Picture = list[float]
Model = list[list[float]]  # weights of each digit: one for each point, and one more


def picture(digit: int, rng: random.Random, noise: float = 0.45) -> Picture:
    """The digit as a bad camera sees it."""
    return [float(point) + rng.gauss(0, noise) for point in DIGITS[digit]]


# -- what runs at the endpoint -----------------------------------------------


def train(examples: int, seed: int) -> str:
    """Trains by softmax regression; returns the path of the model."""
    rng = random.Random(seed)
    model: Model = [[0.0] * (len(DIGITS[0]) + 1) for _ in DIGITS]
    for _ in range(examples):
        digit = rng.randrange(len(DIGITS))
        seen = [*picture(digit, rng), 1.0]
        for label, (weights, p) in enumerate(zip(model, probabilities(model, seen))):
            step = 0.1 * ((label == digit) - p)
            weights[:] = [w + step * x for w, x in zip(weights, seen)]
    handle, path = tempfile.mkstemp(prefix="yonder-model-", suffix=".json")
    with os.fdopen(handle, "w") as file:
        json.dump(model, file)
    return path


def probabilities(model: Model, seen: Picture) -> list[float]:
    scores = [sum(w * x for w, x in zip(weights, seen)) for weights in model]
    powers = [math.exp(score - max(scores)) for score in scores]
    return [power / sum(powers) for power in powers]


@lru_cache(maxsize=1)
def load(path: str) -> tuple[Model, str]:
    """The model, and a name for this one reading of its file."""
    return json.loads(Path(path).read_text()), f"{os.getpid()} at {time.time_ns()}"


def classify(path: str, seen: Picture) -> tuple[int, str]:
    """The digit, and which reading of the model told it."""
    model, reading = load(path)
    found = probabilities(model, [*seen, 1.0])
    return found.index(max(found)), reading


def remove(path: str) -> None:
    Path(path).unlink()


# -- what runs here ----------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", help="name or id of the endpoint (default: the only one online)")
    parser.add_argument("--pictures", type=int, default=300, help="how many to classify")
    parser.add_argument("--examples", type=int, default=3000, help="how many to train with")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed + 1)
    digits = [rng.randrange(len(DIGITS)) for _ in range(options.pictures)]
    with yonder.Executor(options.endpoint) as executor:
        path = executor.submit(train, options.examples, options.seed).result()
        begin = time.perf_counter()
        futures = [executor.submit(classify, path, picture(digit, rng)) for digit in digits]
        answers = [future.result() for future in futures]
        took = time.perf_counter() - begin
        executor.submit(remove, path).result()
    right = sum(found == digit for (found, _), digit in zip(answers, digits))
    readings = {reading for _, reading in answers}
    workers = {reading.split()[0] for reading in readings}
    print(f"{len(answers)} pictures in {took:.2f} s, by {len(workers)} workers")
    print(f"the model was loaded {len(readings)} times")
    print(f"accuracy: {right / len(answers):.3f}")


if __name__ == "__main__":
    main()
