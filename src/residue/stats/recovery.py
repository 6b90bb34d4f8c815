"""How much of what was forgotten an attack brings back, against a model that never knew it.

Recovery is (arm − oracle) / (base − oracle), all three after the same attack: 0 is the model that
never knew and has only learnt what the attack teaches, 1 the model that never forgot. Over a curve
of attacks of growing strength, its area is the mean recovery along the curve, and its half the
strength at which recovery first reaches one half.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from residue.stats.crossed import components
from residue.stats.intervals import Floats, Interval, check_level, t_quantile

HALF = 0.5


@dataclass(frozen=True)
class Curve:
    """Means per country of three models, (points, lines, countries) each; lines are training seeds,
    or pairs where there are several. `at`: strength of each point, growing; one point is a curve
    without area."""

    at: tuple[float, ...]
    arm: Floats
    base: Floats
    oracle: Floats

    def __post_init__(self) -> None:
        shapes = {self.arm.shape, self.base.shape, self.oracle.shape}
        if len(shapes) > 1 or self.arm.ndim != 3 or self.arm.shape[0] != len(self.at):
            raise ValueError(
                f"expected three arrays (points, lines, countries) of one shape with {len(self.at)}"
                f" points, got {sorted(shapes)}"
            )
        if any(b <= a for a, b in zip(self.at, self.at[1:], strict=False)):
            raise ValueError(f"the points of a curve must grow, got {list(self.at)}")
        if not all(np.isfinite(each).all() for each in (self.arm, self.base, self.oracle)):
            raise ValueError("a country without a score in one model must be left out of all")

    @property
    def gaps(self) -> Floats:
        """base − oracle at each point: what there is to recover."""
        return np.asarray((self.base - self.oracle).mean(axis=(1, 2)), dtype=np.float64)

    @property
    def recovery(self) -> Floats:
        """Recovery at each point; infinite or NaN where there is nothing to recover."""
        return _ratio((self.arm - self.oracle).mean(axis=(1, 2)), self.gaps)

    @property
    def recovery_by_line(self) -> Floats:
        """(lines, points): of each line alone, against the gap of all of them."""
        return _ratio((self.arm - self.oracle).mean(axis=2).T, np.asarray(self.gaps))


def area(at: tuple[float, ...], recovery: Floats) -> Floats:
    """Mean recovery along the curve by the trapezoid rule; recovery: (..., points)."""
    if len(at) < 2:
        raise ValueError("an area needs two points at least")
    whole = np.trapezoid(recovery, np.asarray(at), axis=-1)
    return np.asarray(whole / (at[-1] - at[0]), dtype=np.float64)


def half(at: tuple[float, ...], recovery: Floats) -> Floats:
    """Where recovery first reaches one half, between points on a line; inf where it never does.

    recovery: (..., points).
    """
    lines = recovery.reshape(-1, len(at))
    found = np.array([_crossing(at, line) for line in lines], dtype=np.float64)
    return found.reshape(recovery.shape[:-1])


def resampled(curve: Curve, rng: np.random.Generator, n: int) -> Floats:
    """Recovery of n bootstrap draws, (n, points).

    Countries are drawn together for all models and points, lines independently of them (Owen 2007,
    the pigeonhole bootstrap). Draws with nothing to recover are NaN.
    """
    both = np.concatenate([curve.arm - curve.oracle, curve.base - curve.oracle])
    top, gap = np.split(drawn_means(both, rng, n), 2, axis=1)
    return _ratio(top, gap)


def drawn_means(values: Floats, rng: np.random.Generator, n: int) -> Floats:
    """Means of n bootstrap draws of lines and, independently, countries, the same for all points.

    values: (points, lines, countries); returns (n, points).
    """
    _, lines, countries = values.shape
    of_line = rng.multinomial(lines, np.full(lines, 1 / lines), size=n) / lines
    of_country = rng.multinomial(countries, np.full(countries, 1 / countries), size=n) / countries
    drawn = np.einsum("nl,plc,nc->np", of_line, values, of_country, optimize=True)
    return np.asarray(drawn, dtype=np.float64)


def interval(
    point: float, draws: Floats, curve: Curve, level: float, *, of: str = "seeds"
) -> Interval:
    """Percentile interval of a number of a curve from its draws, (n,); ends may be infinite.

    The ends lie at the tail that Student's t would need, on the degrees of freedom of the arm's
    table of lines and countries (`crossed.components`), since percentiles of few units are too
    narrow. The least degrees of freedom over the points are taken. `of` says what the lines are.
    """
    _, lines, countries = curve.arm.shape
    kept = draws[~np.isnan(draws)]
    drawn = f"{countries} clusters" + (f" and {lines} {of}" if lines > 1 else "")
    if countries < 2 or not kept.size:
        return Interval(point, -math.inf, math.inf, level, "one cluster, no spread", countries)
    df = float(countries - 1)
    if lines > 1:
        tables = curve.arm - curve.oracle
        df = min(components(table, level).df for table in tables)
    tail = float(special.ndtr(-t_quantile(df, 1.0 - check_level(level)) * math.sqrt((df + 1) / df)))
    low, high = np.quantile(kept, [tail, 1 - tail], method="nearest")
    method = f"bootstrap of {drawn}"
    if kept.size < draws.size:
        method += f"; {draws.size - kept.size} of {draws.size} draws had nothing to recover"
    return Interval(point, float(low), float(high), level, method, countries, df=df)


def _ratio(top: Floats, gap: Floats) -> Floats:
    full = np.full(np.shape(top), math.nan)
    known = np.broadcast_to(np.asarray(gap) > 0, np.shape(top))
    shares = np.divide(top, gap, out=full, where=known)
    return np.asarray(shares, dtype=np.float64)


def _crossing(at: tuple[float, ...], recovery: Floats) -> float:
    if np.isnan(recovery).any():
        return math.nan
    if recovery[0] >= HALF:
        return at[0]
    for point in range(1, len(at)):
        below, above = recovery[point - 1], recovery[point]
        if above >= HALF:
            share = (HALF - below) / (above - below)
            return float(at[point - 1] + share * (at[point] - at[point - 1]))
    return math.inf
