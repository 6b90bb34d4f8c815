"""How far a metric can be trusted: faithfulness, robustness, and its rank beside others' findings.

Definitions of OpenUnlearning (arXiv 2506.12618, section 4): faithfulness is the AUC of the metric
between models that know and models that never knew; after relearning, R = min(Δ_oracle / Δ_edited,
1), Δ what the metric gained; after quantising, Q = min(before / after, 1); robustness is their
harmonic mean. Departures: a gain of the oracle below 0 counts as 0, an edited model that gains
nothing has R = 1, and Q is taken of shares of the way from oracle to base, so that metrics without
a zero have one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats as laws

from residue.specs.meta import FEWEST_RANKED
from residue.stats.intervals import Floats, as_values
from residue.stats.two_samples import auc


@dataclass(frozen=True)
class Ends:
    """A number with the ends of its interval, infinite where nothing bounds them."""

    estimate: float
    low: float
    high: float
    method: str


NOTHING = Ends(math.nan, -math.inf, math.inf, "none")


def faithfulness(knows: ArrayLike, never: ArrayLike, level: float) -> Ends:
    """AUC of a metric between two pools of models, one value each, higher where known.

    The interval is DeLong's (1988) on the logit scale; where the pools are wholly apart, the limit
    of Clopper and Pearson over the smaller one. ValueError for an empty pool or values that are
    not finite.
    """
    x, y = as_values(knows), as_values(never)
    area, alpha = auc(x, y), 1.0 - level
    if min(len(x), len(y)) < 2:
        return Ends(area, 0.0, 1.0, "one model on a side, no spread")
    if area in (0.0, 1.0):
        # Were every model misplaced with chance q on its own, all of them stood right with chance
        # (1 - q)^n: the exact limit of Clopper and Pearson over the smaller pool.
        far = (alpha / 2.0) ** (1.0 / min(len(x), len(y)))
        low, high = (far, 1.0) if area else (0.0, 1.0 - far)
        return Ends(area, low, high, f"exact limit of {min(len(x), len(y))} models")
    placed_x = np.array([auc([value], y) for value in x])
    placed_y = np.array([auc(x, [value]) for value in y])
    variance = placed_x.var(ddof=1) / len(x) + placed_y.var(ddof=1) / len(y)
    half = laws.norm.isf(alpha / 2.0) * math.sqrt(variance) / (area * (1.0 - area))
    middle = math.log(area / (1.0 - area))
    ends = [1.0 / (1.0 + math.exp(-(middle + sign * half))) for sign in (-1.0, 1.0)]
    return Ends(area, ends[0], ends[1], f"DeLong, logit scale, {len(x)} and {len(y)} models")


def relearning(oracle: Floats, edited: Floats) -> Floats:
    """R of gains in share: what the oracle gained over what the edited model gained, 0 … 1.

    Shapes broadcast. 1 where the edited model gained nothing.
    """
    mine, theirs = np.broadcast_arrays(np.asarray(edited), np.maximum(oracle, 0.0))
    ratio = np.divide(theirs, mine, out=np.ones(mine.shape), where=mine > 0.0)
    return np.asarray(np.minimum(ratio, 1.0), dtype=np.float64)


def quantising(before: Floats, after: Floats) -> Floats:
    """Q of shares of the way from oracle to base: before over after, 0 … 1; 1 where none came back.

    Shapes broadcast; shares below 0 count as 0.
    """
    held, now = np.broadcast_arrays(np.maximum(before, 0.0), np.maximum(after, 0.0))
    ratio = np.divide(held, now, out=np.ones(now.shape), where=now > 0.0)
    return np.asarray(np.minimum(ratio, 1.0), dtype=np.float64)


def harmonic(*shares: float) -> float:
    """Harmonic mean of shares; 0 if one of them is, NaN if one of them is unknown."""
    if any(math.isnan(share) for share in shares):
        return math.nan
    if min(shares) <= 0.0:
        return 0.0
    return len(shares) / sum(1.0 / share for share in shares)


def rank_agreement(ours: ArrayLike, theirs: ArrayLike, level: float) -> Ends:
    """Spearman's correlation of two rankings of the same metrics.

    Interval by Fisher's z with the variance of Bonett and Wright (2000); with fewer metrics than
    `FEWEST_RANKED`, or where one side ranks nothing, there is none.
    """
    if len(np.atleast_1d(ours)) == 0:
        return NOTHING
    x, y = as_values(ours), as_values(theirs)
    if len(x) != len(y):
        raise ValueError(f"rankings of {len(x)} and {len(y)} metrics cannot be compared")
    if len(x) < FEWEST_RANKED or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return NOTHING
    rho = float(laws.spearmanr(x, y).statistic)
    if abs(rho) >= 1.0:
        return Ends(rho, -1.0, 1.0, f"{len(x)} metrics in one order")
    half = laws.norm.isf((1.0 - level) / 2.0) * math.sqrt((1.0 + rho**2 / 2.0) / (len(x) - 3))
    z = math.atanh(rho)
    return Ends(rho, math.tanh(z - half), math.tanh(z + half), f"Fisher's z, {len(x)} metrics")
