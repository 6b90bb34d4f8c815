"""Is a fitted lens better than the plain one, and by what? A lens against a baseline lens.

Of one prompt each: rows at which ranks and KL thresholds are met (other − baseline: negative is
earlier), KL at 25, 50 and 75 % of the depth (baseline − other: positive is better), and how much
of the gain a temperature alone, or a bias alone, would bring: rotation = gain − temperature's gain.
A fitted lens is preferred where the rotation gains ≥ .2 bit at half the depth, or rank ≤ 5 comes
at least max(2, ⌈.05 n⌉) rows earlier. After logos-in-layers (2025).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from residue.lens.summaries.milestones import kl_milestones, rank_milestones
from residue.lens.summaries.scan import START, Found, at_row, quantile, row_at
from residue.lens.summaries.trajectories import Floats, Trajectories

FRACTIONS = (0.25, 0.5, 0.75)
LEAST_GAIN = 0.2
"""Bits of KL that count as a gain."""


class Against(NamedTuple):
    """One lens against the baseline."""

    baseline: dict[str, Found]
    other: dict[str, Found]
    """milestone → rows."""
    kl_baseline: Floats
    kl_other: Floats
    """(3, keys) bits at `FRACTIONS` of the depth."""

    def delay(self, milestone: str) -> Floats:
        """(keys,) rows by which the other lens is later; NaN where either never is."""
        late: Floats = self.other[milestone].row - self.baseline[milestone].row
        return late

    @property
    def gain(self) -> Floats:
        """(3, keys) bits of KL that the other lens saves."""
        saved: Floats = self.kl_baseline - self.kl_other
        return saved


def against(
    baseline: Trajectories,
    other: Trajectories,
    ranks: Iterable[int] = (1, 5, 10),
    bits: Iterable[float] = (1.0,),
    start: int = START,
) -> Against:
    """Compare; `other` in the lines and rows of the baseline (`Trajectories.like`)."""
    ranks, bits = tuple(ranks), tuple(bits)
    ours, theirs = (
        rank_milestones(t, ranks, start) | kl_milestones(t, bits, start) for t in (baseline, other)
    )
    return Against(ours, theirs, kl_at(baseline), kl_at(other))


def kl_at(t: Trajectories, column: str = "kl_to_final") -> Floats:
    """(3, keys) a column at `FRACTIONS` of the depth."""
    rows = [np.full(len(t), float(row_at(t.last, f))) for f in FRACTIONS]
    return np.stack([at_row(t.rows, t[column], row) for row in rows])


def rows_earlier(n: int) -> int:
    """By how many rows of n a lens must be earlier to be preferred for it."""
    return max(2, math.ceil(0.05 * n))


def preferred(rotation: Floats, delay: Floats, earlier: int) -> Floats:
    """1 where the fitted lens is preferred, else 0.

    rotation: (keys,) bits at half the depth beyond what a temperature gains; delay: (keys,) rows
    of rank ≤ 5; earlier: see `rows_earlier`.
    """
    return ((rotation >= LEAST_GAIN) | (-delay >= earlier)).astype(np.float64)


class Parts(NamedTuple):
    """Gains over all rows of one prompt, bits; NaN where nothing was recorded."""

    rotation: tuple[float, float, float]
    """Quartiles of the gain of the map without its temperature."""
    temperature: tuple[float, float, float]
    """Quartiles of the gain of the temperature alone."""
    interaction: float
    """Median of gain − rotation − temperature."""
    whole: float
    """Median gain."""


def parts(base: Floats, whole: Floats, rotation: Floats, temperature: Floats) -> Parts:
    """Split the gain of a fitted lens; (rows,) KL in bits of the four lenses."""
    by_rotation, by_temperature, gain = base - rotation, base - temperature, base - whole
    return Parts(
        _quartiles(by_rotation),
        _quartiles(by_temperature),
        float(quantile(gain - (by_rotation + by_temperature), 0.5)),
        float(quantile(gain, 0.5)),
    )


def only_calibration(split: Parts, least: float = LEAST_GAIN) -> bool:
    """Whether the fitted lens is a temperature: rotation gains < `least` at the median, and
    the temperature at least .8 of the whole gain."""
    return split.rotation[1] < least and split.temperature[1] >= 0.8 * split.whole


def by_position(fraction: Floats, gain: Floats) -> tuple[float, float]:
    """Median gains at positions up to .92 of the text, where such lenses are fitted, and from
    .96 on, where they are not."""
    inside, outside = gain[fraction <= 0.92], gain[fraction >= 0.96]
    return float(quantile(inside, 0.5)), float(quantile(outside, 0.5))


def _quartiles(values: Floats) -> tuple[float, float, float]:
    low, middle, high = (float(quantile(values, p)) for p in FRACTIONS)
    return low, middle, high
