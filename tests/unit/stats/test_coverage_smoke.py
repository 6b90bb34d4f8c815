from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from scipy import stats

SIMULATION = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "coverage.py"))
World, coverage = SIMULATION["World"], SIMULATION["coverage"]
REPETITIONS = 250


@pytest.mark.parametrize(
    "world",
    [
        World(1, 16, 0.5),
        World(3, 16, 0.5, paired=True),
        World(3, 16, 0.02),
        World(3, 16, 0.98, paired=True),
        World(5, 40, 0.1),
        World(10, 16, 0.5),
    ],
    ids=str,
)
def test_intervals_hold_the_truth_as_often_as_they_say(world) -> None:
    # The lower edge of the binomial band: a right 95 % interval falls below it once in 2,000 runs.
    least = stats.binom.ppf(0.0005, REPETITIONS, 0.95) / REPETITIONS
    assert coverage(world, REPETITIONS, seed=11).holds >= least
