from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from scipy import stats

SIMULATION = runpy.run_path(str(Path(__file__).parents[1] / "unit" / "stats" / "test_bands.py"))

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("spread", [0.1, 0.5, 2.0])
def test_bands_hold_whole_curves_whatever_moves_them(
    seeds: int, correlation: float, spread: float
) -> None:
    # Where three seeds make all of the spread, up to three points of 95 % are lost.
    repetitions = 800
    least = stats.binom.ppf(0.0005, repetitions, 0.92) / repetitions
    assert SIMULATION["coverage"](seeds, correlation, spread, repetitions, seed=13) >= least
