"""How often the interval of a share left holds the truth: items, countries and seeds all random.

Run `python benchmarks/share_coverage.py [repetitions]` for the table. Countries have rates drawn
from Beta laws (of the reference, and of the model), a training seed keeps a share of the model's,
drawn likewise; items are right or wrong. So the true share is the ratio of two exact means.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import numpy as np
import pandas as pd

from residue.specs.statistics import StatisticsSpec
from residue.stats.shares import share_estimate

ITEMS = 6


class World(NamedTuple):
    """A design: mean rates of model and reference, and how alike countries are (Beta's a + b)."""

    seeds: int
    clusters: int
    model: float
    reference: float = 0.95
    alike: float = 4.0

    @property
    def truth(self) -> float:
        """The share of the reference's rate that the model has left."""
        return self.model / self.reference


WORLDS = tuple(
    World(seeds, clusters, model, reference)
    for seeds in (1, 3)
    for clusters in (16, 36)
    for model in (0.02, 0.45, 0.9)
    for reference in (0.95, 0.6)
    if model <= reference
)


def draw(world: World, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the model, for each seed, and of its reference, on the same items."""
    keep = 0.9
    model = _rates(world.model / keep, world.alike, world.clusters, rng)
    reference = _rates(world.reference, world.alike, world.clusters, rng)
    # One checkpoint is given: its share of the rate is part of the truth, not of chance.
    kept = rng.beta(45.0, 5.0, world.seeds) if world.seeds > 1 else np.array([keep])
    tables = [(0, reference)], [(seed, model * share) for seed, share in enumerate(kept)]
    theirs, ours = (_rows(table, rng) for table in tables)
    return ours, theirs


def coverage(world: World, repetitions: int, seed: int) -> tuple[float, float]:
    """Shares of 95 % intervals that lie wholly below, and wholly above, the truth."""
    rng = np.random.default_rng(seed)
    found = [
        share_estimate(ours, "country", theirs, StatisticsSpec())
        for ours, theirs in (draw(world, rng) for _ in range(repetitions))
    ]
    below = sum(each.high < world.truth for each in found) / repetitions
    return below, sum(each.low > world.truth for each in found) / repetitions


def _rates(mean: float, alike: float, n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.beta(mean * alike, (1.0 - mean) * alike, n) if mean < 1.0 else np.ones(n)


def _rows(tables: list[tuple[int, np.ndarray]], rng: np.random.Generator) -> pd.DataFrame:
    parts = []
    for seed, rates in tables:
        country = np.repeat(np.arange(len(rates)), ITEMS)
        parts.append(
            pd.DataFrame(
                {
                    "item": [f"item-{number}" for number in range(country.size)],
                    "country": country,
                    "seed": seed,
                    "value": (rng.random(country.size) < rates[country]).astype(float),
                    "weight": 1.0,
                    "status": "ok",
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


if __name__ == "__main__":
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    sys.stdout.write("seeds\tcountries\tmodel\treference\tbelow\tabove\tholds\n")
    for design in WORLDS:
        below, above = coverage(design, times, seed=1)
        told = f"{design.seeds}\t{design.clusters}\t{design.model:g}\t{design.reference:g}"
        sys.stdout.write(f"{told}\t{below:.3f}\t{above:.3f}\t{1.0 - below - above:.3f}\n")
