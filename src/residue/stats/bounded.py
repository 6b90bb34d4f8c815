"""Exact bounds for the mean of bounded values on clusters, where a t interval would collapse."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from residue.stats.intervals import Floats, Interval, as_values, check_level

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(256)


def bounded_mean(
    values: ArrayLike,
    bounds: tuple[float, float],
    level: float = 0.95,
    *,
    weights: ArrayLike | None = None,
) -> Interval:
    """(Weighted) mean of independent values in `bounds`, with an interval that never collapses.

    The upper end is the 1 - tail quantile of the mean under Dirichlet(1, ..., 1) weights on the n
    values and one more that sits at the upper bound, the lower end its mirror image (Gaffke 2005,
    "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative
    variable"). For zeros and ones it is Clopper-Pearson; for n zeros in [0, 1] it ends at
    1 - tail^(1/n). Raising any value raises both ends, so a deviating cluster can never make an
    interval end closer. With `weights` the unseen value carries the largest of them.
    """
    tail = check_level(level)
    x = as_values(values)
    floor, ceiling = bounds
    if not floor < ceiling:
        raise ValueError(f"bounds need low < high, got {bounds}")
    if x.min() < floor or x.max() > ceiling:
        raise ValueError(f"values from {x.min()} to {x.max()} leave the bounds {bounds}")
    w = np.ones_like(x) if weights is None else as_values(weights)
    if w.shape != x.shape or (w < 0).any() or w.sum() <= 0:
        raise ValueError("weights must be as many as the values, not negative, and not all zero")
    estimate = float(w @ x / w.sum())
    high = _upper(x, w, ceiling, tail)
    low = -_upper(-x, w, -floor, tail)
    return Interval(estimate, low, high, level, "exact bound on clusters (Gaffke)", int(x.size))


def _upper(x: Floats, w: Floats, ceiling: float, tail: float) -> float:
    scale = ceiling - float(x.min())
    if scale <= 0.0:
        return ceiling
    # Work on [0, 1] so that tolerances mean the same for every unit of measurement.
    share = np.append((x - x.min()) / scale, 1.0)
    mass = np.append(w, w.max()) / w.max()
    share, mass = share[mass > 0], mass[mass > 0]

    def excess(t: float) -> float:
        return _chance_below(mass * (share - t)) - (1.0 - tail)

    return float(x.min()) + scale * _root(excess)


def _root(f: Callable[[float], float]) -> float:
    """Where an increasing function crosses zero in [0, 1]: false position, Illinois variant."""
    left, right, at_left, at_right, side = 0.0, 1.0, f(0.0), f(1.0), 0
    while right - left > 1e-10:
        middle = right - at_right * (right - left) / (at_right - at_left)
        value = f(middle)
        if abs(value) < 1e-12:
            return middle
        # An end that stays put for two steps is given half its weight, or it would stay for good.
        if value < 0.0:
            left, at_left, at_right = middle, value, at_right / (2.0 if side < 0 else 1.0)
            side = -1
        else:
            right, at_right, at_left = middle, value, at_left / (2.0 if side > 0 else 1.0)
            side = 1
    return right


def _chance_below(a: Floats) -> float:
    """P(sum of a_i E_i <= 0) for independent unit exponentials E_i, by Gil-Pelaez inversion."""
    a = a[a != 0.0]
    if (a > 0).all():
        return 0.0
    if (a < 0).all():
        return 1.0
    # u = tan(theta) / s maps the half line to a quarter turn; the integrand is smooth there.
    s = math.sqrt(float(a @ a))
    theta = (_NODES + 1.0) * (math.pi / 4.0)
    u = np.tan(theta) / s
    angle = np.arctan(np.outer(u, a)).sum(axis=1)
    size = np.exp(-0.5 * np.log1p(np.outer(u, a) ** 2).sum(axis=1))
    # du / u = d(theta) / (sin(theta) cos(theta))
    integral = (math.pi / 4.0) * np.sum(
        _WEIGHTS * size * np.sin(angle) / (np.sin(theta) * np.cos(theta))
    )
    return float(0.5 - integral / math.pi)
