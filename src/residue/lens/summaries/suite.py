"""Many facts as one number each: medians and spread of milestones over all facts.

delta_hat = (semantic − copy) / n with the strict copy row, else the earliest soft one: the share
of the depth between repeating and meaning. Medians and quartiles leave out facts that never reach
the milestone, and n_missing says how many those are. After logos-in-layers (2025); every
milestone, the confirmed one too, is there for every fact.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from residue.lens.summaries.scan import quantile
from residue.lens.summaries.trajectories import Floats


class Spread(NamedTuple):
    """Of one milestone over facts."""

    n: int
    n_missing: int
    median: float
    """NaN where no fact reaches it."""
    low: float
    """First quartile."""
    high: float
    """Third quartile."""


def spread(rows: Floats) -> Spread:
    """Median and quartiles of (facts,) rows; NaN rows are missing."""
    missing = int(np.isnan(rows).sum())
    low, median, high = (float(quantile(rows, p)) for p in (0.25, 0.5, 0.75))
    return Spread(rows.size, missing, median, low, high)


def delta_hat(semantic: Floats, strict: Floats, soft: Floats, n: int) -> Floats:
    """(facts,) share of the depth between copy and meaning; NaN where either lacks.

    strict: (facts,); soft: (windows, facts) rows of the soft flags.
    """
    earliest = np.where(np.isfinite(soft), soft, np.inf).min(axis=0)
    copy = np.where(np.isfinite(strict), strict, earliest)
    share: Floats = (semantic - np.where(np.isfinite(copy), copy, np.nan)) / n
    return share


def as_row(value: float) -> int | None:
    """A median of rows as a row: rounded, halves to even; None where there is none."""
    return None if np.isnan(value) else round(value)
