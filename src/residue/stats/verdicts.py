"""From an interval to a verdict: equivalence and non-inferiority against a stated margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

VerdictName = Literal["supported", "refuted", "inconclusive"]


@dataclass(frozen=True)
class Region:
    """The open range of values for which a claim is true; either end may be infinite."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if math.isnan(self.low) or math.isnan(self.high) or not self.low < self.high:
            raise ValueError(f"a margin needs low < high, got {self.low} and {self.high}")

    @classmethod
    def within(cls, margin: float, *, around: float = 0.0) -> Region:
        """Equivalence: less than `margin` away from `around` on either side."""
        if not margin > 0:
            raise ValueError(f"an equivalence margin must be positive, got {margin}")
        return cls(around - margin, around + margin)

    @classmethod
    def within_factor(cls, factor: float) -> Region:
        """Equivalence of a ratio: between 1/factor and factor."""
        if not factor > 1:
            raise ValueError(f"a margin of a ratio must exceed 1, got {factor}")
        return cls(1.0 / factor, factor)

    @classmethod
    def above(cls, limit: float) -> Region:
        """Non-inferiority where more is better: `above(-margin)` for a difference."""
        return cls(limit, math.inf)

    @classmethod
    def below(cls, limit: float) -> Region:
        """Non-inferiority where less is better: `below(margin)`, or a ratio's limit."""
        return cls(-math.inf, limit)

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"above {self.low:.4g}"
        if math.isinf(self.low):
            return f"below {self.high:.4g}"
        return f"between {self.low:.4g} and {self.high:.4g}"


@dataclass(frozen=True)
class Verdict:
    """What the data say of a claim, and one plain sentence with the numbers behind it."""

    verdict: VerdictName
    reason: str


def decide(
    low: float, high: float, seed_values: Sequence[float], region: Region, *, level: float
) -> Verdict:
    """Decide a claim from its interval [low, high] and from each seed's own point.

    Supported when the whole interval and every seed lie inside `region`; refuted when the whole
    interval and every seed lie outside of it on the same side; otherwise inconclusive. Inclusion of
    the two-sided `level` interval is the pair of one-sided tests at (1 - level) / 2 each
    (Schuirmann 1987); the seeds' agreement is demanded on top. Ends that touch the limit decide
    nothing. An estimate that was refused (NaN) is inconclusive.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level!r}; say 0.95")
    if math.isnan(low) or math.isnan(high):
        return Verdict(
            "inconclusive", "There is no interval to judge by: the estimate was refused."
        )
    if low > high:
        raise ValueError(f"the interval's ends are swapped: {low} > {high}")
    if not seed_values:
        raise ValueError("every verdict needs the seeds' own points, got none")
    shown = f"The {100 * level:g}% interval [{low:.4g}, {high:.4g}]"
    margin = f"the margin ({region})"
    sides: tuple[tuple[VerdictName, str, bool, list[bool]], ...] = (
        (
            "supported",
            "inside",
            region.low < low and high < region.high,
            [region.low < value < region.high for value in seed_values],
        ),
        (
            "refuted",
            "below",
            high < region.low,
            [value < region.low for value in seed_values],
        ),
        (
            "refuted",
            "above",
            low > region.high,
            [value > region.high for value in seed_values],
        ),
    )
    for verdict, where, whole, agree in sides:
        if not whole:
            continue
        if all(agree):
            return Verdict(verdict, f"{shown} lies {where} {margin}{_seeds(where, len(agree))}.")
        apart = [value for value, same in zip(seed_values, agree, strict=True) if not same]
        points = ", ".join(f"{value:.4g}" for value in apart)
        return Verdict(
            "inconclusive",
            f"{shown} lies {where} {margin}, but {len(apart)} of {len(agree)} seeds "
            f"{'does' if len(apart) == 1 else 'do'} not: {points}.",
        )
    return Verdict("inconclusive", f"{shown} reaches across {margin}.")


def _seeds(where: str, count: int) -> str:
    return "" if count == 1 else f", and so does each of the {count} seeds"
