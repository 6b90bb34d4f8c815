"""The simulation of the scorecard draws what it says, and verdicts follow planted truths."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

SIMULATION = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "scorecard_error.py"))


def test_the_drawn_difference_is_the_true_one() -> None:
    rng = np.random.default_rng(0)
    for spread, wide in SIMULATION["SPREADS"].items():
        side = SIMULATION["Side"](20_000, 2, 0.03)
        table = SIMULATION["draw"](side, 0.1, wide._replace(seed=0.0), 2, rng)
        assert table.values.mean() == pytest.approx(0.1, abs=0.01), spread


def test_far_outside_is_refuted_and_no_difference_is_not() -> None:
    experiment, arm = SIMULATION["Experiment"], SIMULATION["_arm"]
    planted = experiment("planted", "forgotten", {"a": arm(forgets=5.0)})
    assert SIMULATION["simulate"](planted, 2, 0)["forgotten"] == (0.0, 1.0)
    fine = experiment("fine", "forgotten", {"a": arm()})
    assert SIMULATION["simulate"](fine, 2, 0)["forgotten"].refuted == 0.0
