"""Tests of independence by kernels: HSIC, free and under the designs that data have, and KCI.

Both only ever reject. A large p-value is no evidence of independence: for that, decide on an effect
and its interval (`residue.stats.verdicts`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats as laws

from residue.stats.arrangements import Design, design_of, totals
from residue.stats.intervals import Floats, check_whole
from residue.stats.kci import KciResult, kci_test
from residue.stats.kernels import centred, gram, u_centred
from residue.stats.permutation_moments import Moments, moments
from residue.stats.tails import with_tail

__all__ = ["HsicResult", "KciResult", "hsic_test", "kci_test"]

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
    says so. Pearson III is known to be off in the tail of one-dimensional samples: p below 0.01 is
    mended from 150 units on (`residue.stats.tails`), and below that many may be 0.6 of the true one
    at 1e-4, as benchmarks/tails.md shows; with few observations, where its p is coarse (below about
    n = 20 ask for ``permutation``) though never below one over the number of arrangements; with
    delta kernels of rare labels; and beyond 1e-4. ``permutation``: indices of one Gram
    matrix, (1 + k) / (n_permutations + 1). ``gamma``: the two-moment law of Gretton et al. 2008,
    for screening; free design only.
    An rbf sample of which most pairs coincide has the mean for m. A statistic that no arrangement
    changes has p = 1, and `method` says so. Raises `ValueError` on NaN, missing labels, a constant
    sample, labels that all differ, unequal lengths, too few observations.
    """
    kernels = pair_of(kernel)
    if estimator not in ("unbiased", "biased"):
        raise ValueError(f"estimator '{estimator}' is unknown; there are: unbiased, biased.")
    if null not in ("moments", "permutation", "gamma"):
        raise ValueError(f"null '{null}' is unknown; there are: moments, permutation, gamma.")
    check_whole("n_permutations", n_permutations, 1)
    check_whole("seed", seed, 0)
    gram_x, gram_y = gram(x, kernels[0], "x"), gram(y, kernels[1], "y")
    n = same_length(gram_x, gram_y)
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
        p = max(_by_moments(a, b, observed, law, design), 1.0 / design.n_arrangements)
    else:
        every = null == "moments" and design.n_arrangements <= design.ENUMERATED
        p, law, method = _permuted(a, b, observed, design, 0 if every else n_permutations, seed)
    if law.variance == 0.0:
        p, method = 1.0, f"{method}; no arrangement changes the statistic"
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


def _by_moments(a: Floats, b: Floats, observed: float, law: Moments, design: Design) -> float:
    p = pearson3_upper(observed, law)
    if design.kind == "pairs" or law.variance == 0.0:
        return p
    return with_tail(p, a, b, (observed - law.mean) / math.sqrt(law.variance))


def _permuted(
    a: Floats, b: Floats, observed: float, design: Design, n_permutations: int, seed: int
) -> tuple[float, Moments, str]:
    """p-value and null moments by a sample of arrangements, or by every one where 0 are drawn."""
    if n_permutations:
        drawn = totals(a, b, design.draws(n_permutations, seed))
        method = f"{n_permutations} permutations, {design.name}"
    else:
        drawn = totals(a, b, design.all())
        method = f"all {len(drawn)} arrangements, {design.name}"
    reached = int((drawn >= observed - CLOSE * drawn.std()).sum())
    p = (1 + reached) / (len(drawn) + 1) if n_permutations else reached / len(drawn)
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


def pair_of(kernel: str | tuple[str, str]) -> tuple[str, str]:
    """The kernels of x and y, from one name for both or a pair."""
    pair = (kernel, kernel) if isinstance(kernel, str) else kernel
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ValueError(f"kernel is {kernel!r}; give one name, or a pair for x and y.")
    return pair[0], pair[1]


def same_length(gram_x: Floats, gram_y: Floats) -> int:
    """The common number of observations; `ValueError` where they differ."""
    n = len(gram_x)
    if n != len(gram_y):
        raise ValueError(f"x has {n} rows and y has {len(gram_y)}; both need one row per item.")
    return n
