"""Many tests at once: adjusted p-values by Holm, Benjamini-Hochberg and Benjamini-Yekutieli.

For the tests inside the models (`tables/tests.parquet`) and for p-values of your own. The scorecard
needs none of it: a claim on several slices must hold in each (`residue.report.claims`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from residue.stats.intervals import Floats, as_values


def holm(p_values: ArrayLike) -> Floats:
    """Adjusted p-values that keep the chance of any false rejection (Holm 1979), in given order.

    Sorted p_(i) becomes the running maximum of (m - i + 1) p_(i), at most 1.
    """
    p, order, m = _ordered(p_values)
    stepped = np.maximum.accumulate((m - np.arange(m)) * p[order])
    return _back(np.minimum(stepped, 1.0), order)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Adjusted p-values that keep the share of false rejections (Benjamini and Hochberg 1995).

    Sorted p_(i) becomes the least of m p_(j) / j over j >= i, which never exceeds 1. For
    independent or positively dependent tests.
    """
    p, order, m = _ordered(p_values)
    ranked = m * p[order] / np.arange(1, m + 1)
    return _back(np.minimum.accumulate(ranked[::-1])[::-1], order)


def benjamini_yekutieli(p_values: ArrayLike) -> Floats:
    """`benjamini_hochberg` under any dependence (2001): times 1 + 1/2 + ... + 1/m, at most 1."""
    adjusted = benjamini_hochberg(p_values)
    return np.minimum(adjusted * np.sum(1.0 / np.arange(1, adjusted.size + 1)), 1.0)


def _ordered(p_values: ArrayLike) -> tuple[Floats, np.ndarray, int]:
    p = as_values(p_values)
    if p.min() < 0.0 or p.max() > 1.0:
        raise ValueError(f"p-values lie in [0, 1], got {p.min()} to {p.max()}")
    return p, np.argsort(p, kind="stable"), p.size


def _back(adjusted: Floats, order: np.ndarray) -> Floats:
    result = np.empty_like(adjusted)
    result[order] = adjusted
    return result
