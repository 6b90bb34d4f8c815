from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from residue.stats.crossed import crossed_interval
from residue.stats.intervals import t_interval

SIMULATION = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "interval_coverage.py"))
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


def test_rare_deviating_countries_do_not_pass_for_equivalence() -> None:
    # One country in twenty keeps everything, so the difference sits exactly on the margin. A plain
    # t interval often sees none of them, or one, and ends below the margin; 2.5 % may.
    rng = np.random.default_rng(0)
    margin, repetitions = 0.05, 300
    worlds = (rng.random((repetitions, 1, 24)) < margin).astype(float)
    guarded = np.mean(
        [crossed_interval(x, np.ones_like(x), bounds=(-1.0, 1.0)).high < margin for x in worlds]
    )
    plain = np.mean([t_interval(x[0]).high < margin for x in worlds])
    assert guarded <= stats.binom.ppf(0.9995, repetitions, 0.025) / repetitions
    assert plain > 0.2
