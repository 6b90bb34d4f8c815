"""Recovery: its closed forms, what leaves it unchanged, and what its intervals cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from residue.stats.recovery import Curve, area, half, interval, resampled

AT = (0.0, 5.0, 20.0)


def curve_of(arm: float, base: float = 1.0, oracle: float = 0.0, lines: int = 2) -> Curve:
    """Every country alike, every point alike."""

    def full(value: float) -> np.ndarray:
        return np.full((3, lines, 4), value)

    return Curve(AT, full(arm), full(base), full(oracle))


def noisy(seed: int, *, lines: int = 3, countries: int = 24) -> Curve:
    """Countries differ; the arm recovers 0.1, 0.3 and 0.7 on average."""
    rng = np.random.default_rng(seed)
    truth = np.array([0.1, 0.3, 0.7])[:, None, None]
    taste = rng.normal(0, 0.15, countries)
    line = rng.normal(0, 0.03, lines)[:, None]
    arm = truth + taste + line + rng.normal(0, 0.05, (3, lines, countries))
    return Curve(AT, arm, np.ones_like(arm), np.zeros_like(arm))


def test_the_oracle_recovers_nothing_and_the_base_all() -> None:
    assert curve_of(0.2, base=0.9, oracle=0.2).recovery == pytest.approx([0, 0, 0])
    assert curve_of(0.9, base=0.9, oracle=0.2).recovery == pytest.approx([1, 1, 1])
    assert curve_of(0.55, base=0.9, oracle=0.2).gaps == pytest.approx([0.7] * 3)


@given(st.floats(-2, 2), st.floats(0.1, 3))
def test_a_common_shift_or_scale_changes_no_recovery(shift: float, scale: float) -> None:
    one = noisy(3)
    moved = Curve(AT, *(shift + scale * each for each in (one.arm, one.base, one.oracle)))
    assert moved.recovery == pytest.approx(one.recovery)
    rng = [np.random.default_rng(0) for _ in range(2)]
    draws = [resampled(each, source, 20) for each, source in zip((one, moved), rng, strict=True)]
    assert draws[0] == pytest.approx(draws[1])


def test_area_is_the_mean_along_the_curve() -> None:
    # On a line from 0 to 1 over unequal steps, one half.
    assert area(AT, np.array([0.0, 0.25, 1.0])) == pytest.approx(0.5)
    assert area(AT, np.array([[0.3, 0.3, 0.3], [0.0, 1.0, 1.0]])) == pytest.approx(
        [0.3, (2.5 + 15) / 20]
    )
    with pytest.raises(ValueError, match="two points"):
        area((0.0,), np.array([0.3]))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ([0.0, 0.25, 1.0], 10.0),  # 5 + 15 · (0.5 − 0.25) / 0.75
        ([0.0, 0.5, 0.2], 5.0),  # reached once is reached
        ([0.6, 0.1, 0.1], 0.0),  # before any attack
        ([0.0, 0.1, 0.49], math.inf),
    ],
)
def test_half_is_where_it_is_first_reached(line: list[float], expected: float) -> None:
    assert half(AT, np.array(line)) == pytest.approx(expected)
    assert half(AT, np.array([line, line])) == pytest.approx([expected] * 2)


def test_alike_countries_leave_nothing_to_resample() -> None:
    draws = resampled(curve_of(0.4), np.random.default_rng(1), 50)
    assert draws.shape == (50, 3)
    assert draws == pytest.approx(np.full((50, 3), 0.4))


def test_intervals_cover_the_truth() -> None:
    """Recovery at the last point, its area and its half, at 90 per cent, over fresh samples."""
    truth = (0.7, area(AT, np.array([0.1, 0.3, 0.7])), half(AT, np.array([0.1, 0.3, 0.7])))
    hits = np.zeros(3)
    runs = 150
    for seed in range(runs):
        curve = noisy(seed)
        draws = resampled(curve, np.random.default_rng(seed), 300)
        for k, (point, drawn) in enumerate(
            (
                (curve.recovery[-1], draws[:, -1]),
                (area(AT, curve.recovery), area(AT, draws)),
                (half(AT, curve.recovery), half(AT, draws)),
            )
        ):
            made = interval(float(point), drawn, curve, 0.9)
            hits[k] += made.low <= truth[k] <= made.high
    # Three standard errors of 0.9 over 150 runs are 0.073.
    assert (hits / runs > 0.827).all()


def test_an_end_that_is_never_reached_is_infinite() -> None:
    curve = noisy(5)
    never = np.full(100, math.inf)
    made = interval(math.inf, never, curve, 0.95)
    assert (made.low, made.high) == (math.inf, math.inf)


def test_one_country_has_no_spread() -> None:
    one = Curve(AT, *(np.full((3, 2, 1), value) for value in (0.4, 1.0, 0.0)))
    made = interval(0.4, resampled(one, np.random.default_rng(0), 20)[:, 0], one, 0.95)
    assert (made.low, made.high) == (-math.inf, math.inf)


def test_impossible_curves_are_refused() -> None:
    good = np.zeros((3, 1, 2))
    with pytest.raises(ValueError, match="of one shape"):
        Curve(AT, good, good, good[:2])
    with pytest.raises(ValueError, match="must grow"):
        Curve((0.0, 5.0, 5.0), good, good, good)
    with pytest.raises(ValueError, match="must be left out of all"):
        Curve(AT, good, good, good + math.nan)
