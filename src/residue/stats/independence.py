"""Tests of independence by kernels: HSIC, free and under the designs that data have, and KCI.

Both only ever reject. A large p-value is no evidence of independence: for that, decide on an effect
and its interval (`residue.stats.verdicts`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats as laws

from residue.stats.arrangements import Design, design_of, totals
from residue.stats.intervals import Floats
from residue.stats.kci import KciResult, kci_test
from residue.stats.kernels import centred, gram, u_centred
from residue.stats.permutation_moments import Moments, moments

__all__ = ["HsicResult", "KciResult", "MaxTest", "hsic_max_test", "hsic_test", "kci_test"]

CLOSE = 1e-5
"""Statistics closer than this many standard deviations tie: arrangements that only exchange equal
values must not fall below the observed one by rounding."""


@dataclass(frozen=True)
class HsicResult:
    """What an HSIC test found; null moments are those of `statistic` under the stated null."""

    statistic: float
    p_value: float
    null_mean: float
    null_variance: float
    null_skewness: float
    effect: float
    """Unbiased HSIC over the geometric mean of both samples' own: 0 for independence on average,
    at most 1; never a p-value's twin, as it does not grow with n."""
    n: int
    method: str
    """How the p-value was made, in words."""


def hsic_test(
    x: ArrayLike,
    y: ArrayLike,
    *,
    estimator: Literal["unbiased", "biased"] = "unbiased",
    kernel: str | tuple[str, str] = "rbf",
    null: Literal["moments", "permutation", "gamma"] = "moments",
    n_permutations: int = 999,
    strata: ArrayLike | None = None,
    pairs: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    seed: int = 0,
) -> HsicResult:
    """Test whether x and y are independent, given how the observations may trade places.

    x, y: (n,) or (n, d); kernel: ``rbf`` (exp(-d²/m), m the median squared distance over i < j) or
    ``delta`` (labels of any type), one or one per side. estimator: ``biased`` tr(KHLH)/n² or
    ``unbiased`` (Song et al. 2012); a design changes the null law, never the statistic.
    Design, at most one, except strata of clusters: `pairs` (a label per observation, each twice:
    twins swap), `strata` (only within a label), `clusters` (whole clusters trade places; y, or x,
    constant in each, or all of one size, then in the given order). Unit of independence is what
    trades places: rows of one country permuted freely find dependence where there is none.
    null: ``moments`` fits Pearson III to the exact mean, variance and skewness of the permutation
    law, for the free, pair and cluster designs; for strata, and clusters in which both sides vary,
    no closed form is used: up to 50,000 arrangements are enumerated, more are sampled, and `method`
    says so. Pearson III is known to be off where the law is far from a gamma's shape: few
    observations (its p is then coarse: below about n = 20 ask for ``permutation``), delta kernels
    of rare labels, and tails beyond 1e-5. ``permutation``: (1 + k) / (n_permutations + 1).
    ``gamma``: the two-moment law of Gretton et al. 2008, for screening; free design only.
    Raises `ValueError` on NaN, a constant sample, unequal lengths, too few observations.
    """
    kernels = (kernel, kernel) if isinstance(kernel, str) else kernel
    if estimator not in ("unbiased", "biased"):
        raise ValueError(f"estimator '{estimator}' is unknown; there are: unbiased, biased.")
    if null not in ("moments", "permutation", "gamma"):
        raise ValueError(f"null '{null}' is unknown; there are: moments, permutation, gamma.")
    gram_x, gram_y = gram(x, kernels[0], "x"), gram(y, kernels[1], "y")
    n = _same_length(gram_x, gram_y)
    design = design_of(n, strata=strata, pairs=pairs, clusters=clusters)
    unbiased = estimator == "unbiased"
    centre, scale = (u_centred, n * (n - 3)) if unbiased else (centred, n * n)
    a, b = design.sides(gram_x, gram_y, centre)
    observed = float(np.vdot(a, b))
    if null == "gamma":
        if design.kind != "free":
            raise ValueError("null='gamma' knows the free design only; use moments or permutation.")
        p, law, method = _gamma(gram_x, gram_y, observed, unbiased)
    elif null == "moments" and (law_of := design.closed_form(a, b)) is not None:
        law, method = law_of, f"Pearson III on exact moments, {design.name}"
        p = pearson3_upper(observed, law)
    else:
        p, law, method = _permuted(a, b, observed, design, n_permutations, seed)
    # Without clusters the unbiased sides are the U-centred matrices already.
    plain = (a, b) if unbiased and not design.blocks else (u_centred(gram_x), u_centred(gram_y))
    return HsicResult(
        statistic=observed / scale,
        p_value=p,
        null_mean=law.mean / scale,
        null_variance=law.variance / scale**2,
        null_skewness=law.skewness,
        effect=_effect(*plain),
        n=n,
        method=method,
    )


def pearson3_upper(observed: float, law: Moments) -> float:
    """P(T >= observed) of the Pearson III law with these moments; 1 where there is no spread."""
    if law.variance == 0.0:
        return 1.0
    z = (observed - law.mean) / math.sqrt(law.variance)
    return float(laws.pearson3.sf(z, law.skewness))


@dataclass(frozen=True)
class MaxTest:
    """Several samples against one y under shared permutations."""

    statistics: Floats
    p_values: Floats
    """Of each alone, by permutation."""
    adjusted: Floats
    """Single-step max-T (Westfall and Young 1993): the chance under the null that the largest
    standardised statistic reaches this one; holds over all samples together."""


def hsic_max_test(
    xs: Sequence[ArrayLike],
    y: ArrayLike,
    *,
    kernel: str | tuple[str, str] = "rbf",
    n_permutations: int = 999,
    strata: ArrayLike | None = None,
    pairs: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    seed: int = 0,
) -> MaxTest:
    """Unbiased HSIC of many samples (rows, layers) with one y; one permutation serves them all.

    Memory holds one Gram matrix per sample. Designs as in `hsic_test`.
    """
    kernels = (kernel, kernel) if isinstance(kernel, str) else kernel
    gram_y = gram(y, kernels[1], "y")
    sides = [gram(x, kernels[0], f"xs[{number}]") for number, x in enumerate(xs)]
    n = [_same_length(side, gram_y) for side in sides][0]
    design = design_of(n, strata=strata, pairs=pairs, clusters=clusters)
    stack = [design.sides(side, gram_y, u_centred) for side in sides]
    observed = np.array([np.vdot(a, b) for a, b in stack])
    # Equal seeds give equal arrangements, so the joint null law is that of one permutation of y.
    drawn = np.stack([totals(a, b, design.draws(n_permutations, seed)) for a, b in stack], axis=1)
    every = np.concatenate([observed[None], drawn])
    spread = every.std(axis=0, ddof=1)
    spread[spread == 0.0] = 1.0
    z = (every - every.mean(axis=0)) / spread
    largest = z.max(axis=1)
    alone = (1 + (z[1:] >= z[0] - CLOSE).sum(axis=0)) / (len(drawn) + 1)
    joint = (1 + (largest[1:, None] >= z[0][None, :] - CLOSE).sum(axis=0)) / (len(drawn) + 1)
    return MaxTest(observed / (n * (n - 3)), alone, joint)


def _permuted(
    a: Floats, b: Floats, observed: float, design: Design, n_permutations: int, seed: int
) -> tuple[float, Moments, str]:
    """p-value and null moments by every arrangement where they are few, else by a sample."""
    every = design.n_arrangements <= design.ENUMERATED and design.kind != "free"
    if every:
        drawn = totals(a, b, design.all())
        method = f"all {len(drawn)} arrangements, {design.name}"
    else:
        if n_permutations < 1:
            raise ValueError(f"n_permutations is {n_permutations}; ask for at least 1.")
        drawn = totals(a, b, design.draws(n_permutations, seed))
        method = f"{n_permutations} permutations, {design.name}"
    reached = int((drawn >= observed - CLOSE * drawn.std()).sum())
    p = reached / len(drawn) if every else (1 + reached) / (len(drawn) + 1)
    mean = float(drawn.mean())
    off = drawn - mean
    law = moments(mean, float((off**2).mean()), float((off**3).mean()))
    return p, law, method


def _gamma(
    gram_x: Floats, gram_y: Floats, observed: float, unbiased: bool
) -> tuple[float, Moments, str]:
    """Gretton et al. 2008 on centred matrices: mean tr A tr B / n, variance 2 |A|² |B|² / n²."""
    a, b, n = centred(gram_x), centred(gram_y), gram_x.shape[0]
    mean = float(np.trace(a) * np.trace(b) / n)
    variance = 2.0 * float(np.vdot(a, a) * np.vdot(b, b)) / n**2
    shape = mean**2 / variance
    p = float(laws.gamma.sf(np.vdot(a, b), shape, scale=variance / mean))
    skewness = 2.0 / math.sqrt(shape)
    law = Moments(0.0 if unbiased else mean, variance, skewness)
    return p, law, "gamma of two moments, for screening"


def _effect(a: Floats, b: Floats) -> float:
    """Σ A∘B over the product of the norms, of U-centred matrices."""
    own = float(np.vdot(a, a) * np.vdot(b, b))
    return float(np.vdot(a, b)) / math.sqrt(own) if own > 0.0 else 0.0


def _same_length(gram_x: Floats, gram_y: Floats) -> int:
    n = len(gram_x)
    if n != len(gram_y):
        raise ValueError(f"x has {n} rows and y has {len(gram_y)}; both need one row per item.")
    if n < 6:
        raise ValueError(f"{n} observations are too few for a test; at least 6 are needed.")
    return n
