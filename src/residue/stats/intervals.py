"""Intervals for one list of independent values: t, and exact Clopper-Pearson for counts.

`t_interval` and `clopper_pearson` are public, for one-level data of your own; what a run estimates
goes through `residue.stats.crossed`, which takes the rest of this file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """A number with its two-sided interval; `n` counts the independent units behind it."""

    estimate: float
    low: float
    high: float
    level: float
    method: str
    n: int
    df: float | None = None


def check_whole(name: str, value: int, least: int) -> None:
    """Raises ValueError unless `value` is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} is {value!r}; give a whole number of at least {least}.")


def check_level(level: float) -> float:
    """Return the tail on one side, (1 - level) / 2.

    Raises ValueError unless 0 < level < 1: outside of it a percentile index has no meaning.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level!r}; say 0.95")
    return (1.0 - level) / 2.0


def as_values(values: ArrayLike) -> Floats:
    """One flat list of finite numbers as float64; ValueError on empty, nested, NaN or infinite."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"expected one flat list of values, got an array of shape {array.shape}")
    if array.size == 0:
        raise ValueError("no values: an interval needs at least one")
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise ValueError(
            f"{bad.size} of {array.size} values are not finite (first at index {bad[0]}); "
            "mark such rows unscorable before estimating"
        )
    return array


def t_quantile(df: float, probability: float) -> float:
    """Quantile of Student's t; an infinite `df` gives the normal quantile."""
    if math.isinf(df):
        return float(special.ndtri(probability))
    return float(special.stdtrit(df, probability))


def t_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Mean of independent values with Student's t interval on n - 1 degrees of freedom.

    Public: for one-level data without bounds. One value alone has no spread to judge by: its ends
    are infinite. Constant values give a width of zero, which is the honest answer only for a normal
    sample; bounded data go through `residue.stats.crossed`, which never returns it.
    """
    tail = check_level(level)
    array = as_values(values)
    mean, n = float(array.mean()), int(array.size)
    if n == 1:
        return Interval(mean, -math.inf, math.inf, level, "one value, no spread", 1)
    half = t_quantile(n - 1, 1.0 - tail) * float(array.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, level, "t", n, df=float(n - 1))


def clopper_pearson(count: int, n: int, level: float = 0.95) -> Interval:
    """Exact interval of a share from `count` of `n` independent units (Clopper and Pearson 1934).

    Public: for one-level counts; `residue.stats.bounded` is its form for values between the bounds.
    Zero of n gives [0, 1 - tail^(1/n)], the exact form of the rule of three.
    """
    tail = check_level(level)
    if n < 1 or not 0 <= count <= n:
        raise ValueError(f"need 0 <= count <= n and n >= 1, got count {count} of n {n}")
    low = 0.0 if count == 0 else float(special.betaincinv(count, n - count + 1, tail))
    high = 1.0 if count == n else float(special.betaincinv(count + 1, n - count, 1.0 - tail))
    return Interval(count / n, low, high, level, "exact (Clopper-Pearson)", n)
