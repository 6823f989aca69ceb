"""Federated averaging: three hospitals train one model, and no patient's data leaves its hospital.

Each endpoint has its own directory of data. In every round each trains the model further with its own data, and only
the weights travel; their mean, weighted by the number of patients, is the next round's model. The hospitals see
different patients, so a model that one of them trains alone is worse than the common one.

    python examples/federated.py --site a=/data/a --site b=/data/b --site c=/data/c

names endpoints and the directories on their machines, where data is made if there is none. The comparison with a model
trained on all data in one place is only possible because the data is made from seeds.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
from pathlib import Path

import yonder

TRUTH = (1.6, -2.2, 0.9, 1.1)  # how measurements and disease really hang together
CENTRES = ((1.5, 1.0, -1.0), (-1.2, 0.5, 1.4), (0.2, -1.6, 0.3))  # what patients each hospital sees
Patient = tuple[list[float], int]  # measurements, ill or not
Weights = list[float]
NOTHING_LEARNED: Weights = [0.0] * len(TRUTH)


def patients(centre: tuple[float, ...], number: int, seed: int) -> list[Patient]:
    """Patients as a hospital sees them."""
    rng = random.Random(seed)
    made = []
    for _ in range(number):
        measured = [rng.gauss(mean, 1.0) for mean in centre]
        made.append((measured, int(rng.random() < likelihood(list(TRUTH), measured))))
    return made


def likelihood(weights: Weights, measured: list[float]) -> float:
    score = weights[-1] + sum(w * x for w, x in zip(weights, measured))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))


def descend(weights: Weights, data: list[Patient], passes: int) -> Weights:
    """Stochastic gradient descent over the data."""
    weights, rng = list(weights), random.Random(len(data))
    for _ in range(passes):
        for measured, ill in rng.sample(data, len(data)):
            step = 0.02 * (ill - likelihood(weights, measured))
            weights = [w + step * x for w, x in zip(weights, [*measured, 1.0])]
    return weights


def accuracy(weights: Weights, data: list[Patient]) -> float:
    return sum((likelihood(weights, measured) > 0.5) == bool(ill) for measured, ill in data) / len(data)


# -- what runs at a site -----------------------------------------------------


def prepare(directory: str, centre: tuple[float, ...], number: int, seed: int) -> int:
    """Makes the site's data unless it is there; returns for how many patients there is some."""
    file = Path(directory) / "patients.csv"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", newline="") as out:
            csv.writer(out).writerows([*measured, ill] for measured, ill in patients(centre, number, seed))
    return len(read(directory))


def read(directory: str) -> list[Patient]:
    with (Path(directory) / "patients.csv").open(newline="") as file:
        return [([float(cell) for cell in row[:-1]], int(row[-1])) for row in csv.reader(file)]


def train_here(directory: str, weights: Weights, passes: int) -> Weights:
    """Trains further with the site's own data; the weights are all that leaves it."""
    return descend(weights, read(directory), passes)


# -- what runs here ----------------------------------------------------------


class Site:
    """An endpoint and the directory of its data."""

    def __init__(self, text: str) -> None:
        self.name, _, self.directory = text.partition("=")
        self.executor = yonder.Executor(self.name)
        self.patients = 0


def mean(weights: list[Weights], shares: list[int]) -> Weights:
    return [sum(w * share for w, share in zip(column, shares)) / sum(shares) for column in zip(*weights)]


def train_everywhere(sites: list[Site], weights: Weights, passes: int) -> list[Weights]:
    """What each site makes of the weights."""
    futures = [site.executor.submit(train_here, site.directory, weights, passes) for site in sites]
    return [future.result() for future in futures]


def federate(sites: list[Site], rounds: int, passes: int, test: list[Patient]) -> Weights:
    weights = NOTHING_LEARNED
    for number in range(1, rounds + 1):
        trained = train_everywhere(sites, weights, passes)
        weights = mean(trained, [site.patients for site in sites])
        print(f"round {number}: accuracy {accuracy(weights, test):.3f}")
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", action="append", required=True, metavar="ENDPOINT=DIRECTORY", help="three of them")
    parser.add_argument("--patients", type=int, default=400, help="patients of a site whose data is made")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--passes", type=int, default=2, help="over the data, in each round")
    options = parser.parse_args()
    if len(options.site) != len(CENTRES) or not all("=" in text for text in options.site):
        parser.error(f"name {len(CENTRES)} sites, each as ENDPOINT=DIRECTORY")
    sites = [Site(text) for text in options.site]
    plans = [(centre, options.patients, seed) for seed, centre in enumerate(CENTRES)]
    made = [site.executor.submit(prepare, site.directory, *plan) for site, plan in zip(sites, plans)]
    for site, future in zip(sites, made):
        site.patients = future.result()
        print(f"{site.name}: {site.patients} patients")
    test = [patient for seed, centre in enumerate(CENTRES, 100) for patient in patients(centre, 1000, seed)]
    weights = federate(sites, options.rounds, options.passes, test)
    alone = train_everywhere(sites, NOTHING_LEARNED, options.rounds * options.passes)
    for site in sites:
        site.executor.shutdown()
    pooled = [patient for plan in plans for patient in patients(*plan)]
    central = descend(NOTHING_LEARNED, pooled, options.rounds * options.passes)
    for site, own in zip(sites, alone):
        print(f"{site.name} alone: accuracy {accuracy(own, test):.3f}")
    print(f"a message: {len(json.dumps(weights))} bytes of weights; patients that moved: 0")
    print(f"federated accuracy {accuracy(weights, test):.3f}, central {accuracy(central, test):.3f}")


if __name__ == "__main__":
    main()
