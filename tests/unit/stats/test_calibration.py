"""The calibration marks a test that does not hold its level, and leaves alone those that do."""

from __future__ import annotations

from scipy import stats

from residue.specs.tests import CalibrationSpec
from residue.stats.calibration import CONFIDENCE, WRONG, band_of, calibrate


def test_only_the_wrong_permutation_leaves_its_band_and_planted_dependence_is_found() -> None:
    spec = CalibrationSpec(
        repetitions=40, power_repetitions=20, observations=48, dimensions=(4,), strengths=(2.0,)
    )
    made = calibrate(spec)
    null = made[made["strength"] == 0.0].set_index(["design", "level"])
    null = null.sort_index()
    assert not null.loc[WRONG, "inside"].any()
    assert null.drop(index=WRONG)["inside"].all()
    planted = made[(made["strength"] > 0.0) & (made["level"] == 0.05)].set_index("design")
    assert (planted["rate"] > 0.4).all()
    assert made.loc[made["strength"] > 0.0, "inside"].isna().all()


def test_the_band_holds_a_tests_rate_with_the_stated_chance() -> None:
    low, high = band_of(0.05, 200, cells=1)
    inside = stats.binom.cdf(high * 200, 200, 0.05) - stats.binom.cdf(low * 200 - 1, 200, 0.05)
    assert inside >= CONFIDENCE
