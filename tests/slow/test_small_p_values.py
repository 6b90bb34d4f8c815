"""Small p-values are right: within 0.1 of log10 p down to 1e-4, against a million permutations."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

BENCHMARK = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "tails.py"))

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("d", [1, 32])
def test_p_is_within_a_tenth_of_a_decade_down_to_one_in_ten_thousand(d: int) -> None:
    """Two samples; at 1e-4 each has 100 permutations beyond, so their mean errs by 0.03."""
    found = [
        list(BENCHMARK["tails"](BENCHMARK["Sample"](200, d, "free", draw), 1_000_000))
        for draw in (3, 4)
    ]
    for each in zip(*found, strict=True):
        error = np.hypot(each[0].error, each[1].error) / 2.0
        assert abs(np.mean([tail.mended for tail in each])) < 0.1 + 2.0 * error, each
