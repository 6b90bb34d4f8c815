"""How often the intervals hold the truth: items right or wrong, countries and seeds both random.

Run `python benchmarks/interval_coverage.py [repetitions]` for the table. Each world draws logits
base + country (sd 1) + seed (sd 0.3) + seed x country (sd 0.3) and counts right answers. With one
seed the checkpoint is given, so its seed effect is part of the truth; a paired world subtracts a
reference checkpoint that answers the same items of the same countries.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy import special

from residue.specs.statistics import StatisticsSpec
from residue.stats.estimands import table_interval
from residue.stats.tables import Table

COUNTRY, SEED, CELL = 1.0, 0.3, 0.3


class World(NamedTuple):
    """A design to simulate: `rate` is that of a typical country, `items` are asked per country."""

    seeds: int
    clusters: int
    rate: float
    paired: bool = False
    items: int = 6
    seed_sd: float = SEED


class Coverage(NamedTuple):
    """Shares of intervals that lie wholly below or above the truth, and their mean half-width."""

    below: float
    above: float
    half_width: float

    @property
    def holds(self) -> float:
        """Share of intervals that hold the truth."""
        return 1.0 - self.below - self.above


def coverage(world: World, repetitions: int, seed: int) -> Coverage:
    """Simulate `world` and count where its 95 % intervals fall."""
    rng = np.random.default_rng(seed)
    spec = StatisticsSpec(n_bootstrap=1000)
    bounds = (-1.0, 1.0) if world.paired else (0.0, 1.0)
    true = truth(world)
    ends = []
    for _ in range(repetitions):
        interval = table_interval(draw(world, rng), bounds, spec)
        ends.append((interval.low, interval.high))
    low, high = np.array(ends).T
    return Coverage(
        float((high < true).mean()), float((low > true).mean()), float((high - low).mean() / 2.0)
    )


def truth(world: World) -> float:
    """Expected rate (or difference) over countries and, with several seeds, over seeds."""
    seed_sd = world.seed_sd if world.seeds > 1 else 0.0
    arm = _expected_rate(world.rate, math.sqrt(COUNTRY**2 + CELL**2 + seed_sd**2))
    return arm - _expected_rate(world.rate, math.hypot(COUNTRY, CELL)) if world.paired else arm


def draw(world: World, rng: np.random.Generator) -> Table:
    """One experiment of `world`, as the table that measurement rows would give."""
    seeds, clusters, items = world.seeds, world.clusters, world.items
    country = rng.normal(0.0, COUNTRY, (1, clusters)) + special.logit(world.rate)
    effect = rng.normal(0.0, world.seed_sd if seeds > 1 else 0.0, (seeds, 1))
    values = _answers(country + effect + rng.normal(0.0, CELL, (seeds, clusters)), items, rng)
    if world.paired:
        values -= _answers(country + rng.normal(0.0, CELL, (1, clusters)), items, rng)
    return Table(
        name="simulated",
        values=values,
        weights=np.ones_like(values),
        items=tuple(f"item {number}" for number in range(clusters * items)),
        clusters=tuple(f"country {number // items}" for number in range(clusters * items)),
        replicates=tuple((0, number) for number in range(seeds)),
        failed=(),
    )


def _answers(logits: np.ndarray, items: int, rng: np.random.Generator) -> np.ndarray:
    chances = np.repeat(special.expit(logits), items, axis=1)
    return (rng.random(chances.shape) < chances).astype(np.float64)


def _expected_rate(rate: float, sd: float) -> float:
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    return float(special.expit(special.logit(rate) + sd * nodes) @ weights / weights.sum())


def designs() -> Iterator[World]:
    """The designs of the table."""
    for paired, seeds, clusters, rate in itertools.product(
        (False, True), (1, 3, 5, 10), (10, 16, 40), (0.02, 0.1, 0.5, 0.9, 0.98)
    ):
        yield World(seeds, clusters, rate, paired)
    for seeds, clusters in itertools.product((3, 5, 10), (10, 40)):
        yield World(seeds, clusters, 0.5, seed_sd=1.0)


def report(repetitions: int, write: Callable[[str], object]) -> list[tuple[World, Coverage]]:
    """Simulate all designs, writing one tab-separated line each."""
    write("paired\tseeds\tclusters\trate\tseed_sd\tholds\tbelow\tabove\thalf_width\n")
    results = []
    for number, world in enumerate(designs()):
        found = coverage(world, repetitions, seed=number)
        results.append((world, found))
        write(
            f"{world.paired}\t{world.seeds}\t{world.clusters}\t{world.rate}\t{world.seed_sd}\t"
            f"{found.holds:.3f}\t{found.below:.3f}\t{found.above:.3f}\t{found.half_width:.3f}\n"
        )
    return results


if __name__ == "__main__":
    report(int(sys.argv[1]) if len(sys.argv) > 1 else 500, sys.stdout.write)
