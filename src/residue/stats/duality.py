"""p-values from intervals: how far a claim lies inside, or outside, of its margin.

A one-sided test of "the value is at most a" at size t is the question whether the lower end of the
interval with t on either side lies above a (duality of tests and intervals: Lehmann and Romano
2005, section 3.5). So p is the tail at which that end reaches a, read from the ends at many tails,
between two of them on a line over the normal quantile. No other statistic is computed, and p can
never say anything else than the interval does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from residue.stats.intervals import Floats, check_level

if TYPE_CHECKING:
    from residue.stats.verdicts import Region

TAILS = (0.4, 0.3, 0.2, 0.1, 0.05, 0.025, 0.0125, 0.00625, 0.003, 0.001, 3e-4, 1e-4, 1e-5)
"""Tails at which ends are computed; p below the last is given as the last."""


def tails_for(level: float) -> tuple[float, ...]:
    """`TAILS` with the tail of `level` among them, falling: there p agrees with the interval."""
    return tuple(sorted({*TAILS, check_level(level)}, reverse=True))


@dataclass(frozen=True)
class Ladder:
    """Ends of one estimate's interval at many tails, which fall; widened so that each interval
    holds those before it."""

    tails: Floats
    lows: Floats
    highs: Floats

    @classmethod
    def of(cls, tails: Sequence[float], lows: Sequence[float], highs: Sequence[float]) -> Ladder:
        """From ends as they were estimated; ValueError where the tails do not fall in (0, 0.5)."""
        t = np.asarray(tails, dtype=np.float64)
        if not t.size or (np.diff(t) >= 0).any() or t[0] >= 0.5 or t[-1] <= 0:
            raise ValueError(f"tails must fall between 0.5 and 0, got {list(tails)}")
        low = np.minimum.accumulate(np.asarray(lows, dtype=np.float64))
        high = np.maximum.accumulate(np.asarray(highs, dtype=np.float64))
        return cls(t, low, high)

    def above(self, limit: float) -> float:
        """p of "the value is at most `limit`": small where the interval lies above it."""
        return self._crossing(np.concatenate([self.lows[::-1], self.highs]), limit)

    def below(self, limit: float) -> float:
        """p of "the value is at least `limit`": small where the interval lies below it."""
        return self._crossing(-np.concatenate([self.highs[::-1], self.lows]), -limit)

    def inside(self, region: Region) -> float:
        """p of "the value is not in `region`": what supports a claim; the larger of the two one-
        sided tests (Schuirmann 1987)."""
        p = [self.above(region.low)] if math.isfinite(region.low) else []
        return max(p + ([self.below(region.high)] if math.isfinite(region.high) else []))

    def outside(self, region: Region) -> float:
        """p of "the value is in `region`": what refutes a claim. The smaller of the two sides needs
        no factor of two: at either edge only one of them can err as often as its size."""
        p = [self.below(region.low)] if math.isfinite(region.low) else []
        return min(p + ([self.above(region.high)] if math.isfinite(region.high) else []))

    def _crossing(self, ends: Floats, limit: float) -> float:
        """The size at which `ends`, lower bounds in order of growing size, first pass `limit`."""
        sizes = np.concatenate([self.tails[::-1], 1.0 - self.tails])
        over = ends > limit
        if over[0]:
            return float(sizes[0])
        if not over.any():
            return 1.0
        right = int(np.argmax(over))
        left = right - 1
        z = special.ndtri(sizes[[left, right]])
        span = ends[right] - ends[left]
        share = (limit - ends[left]) / span if math.isfinite(span) else 1.0
        return float(special.ndtr(z[0] + share * (z[1] - z[0])))
