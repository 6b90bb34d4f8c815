"""Independence given z without KCI: residuals (GCM), local permutation, a known law of x given z.

Each needs less than KCI where it applies. GCM asks whether the parts that z does not predict still
go together, and its level is that of the two regressions. Local permutation lets observations with
like z trade places. Where x was drawn by a known law, as in a randomised design, drawing it again
gives an exact test with any statistic (Candès et al. 2018).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg, special

from residue.stats.independence import CLOSE, HsicResult, hsic_test
from residue.stats.intervals import Floats, check_whole
from residue.stats.kernels import as_sample, centred, rbf

RIDGES = np.logspace(-6, 2, 17)
"""Candidates of the ridge; the best by leave-one-out error is taken."""


@dataclass(frozen=True)
class GcmResult:
    """Largest normalised covariance of residuals and its p-value."""

    statistic: float
    p_value: float
    n: int
    method: str


def gcm_test(
    x: ArrayLike, y: ArrayLike, z: ArrayLike, *, n_draws: int = 999, seed: int = 0
) -> GcmResult:
    """Generalised covariance measure (Shah and Peters 2020): x ⟂ y given z.

    With residuals r of x and s of y after kernel ridge regression on z, T = √n mean(r s) / sd(r s)
    for each pair of columns. One pair: T is standard normal. More: the largest |T| against the same
    of Gaussian multipliers (`n_draws`), (1 + k) / (n_draws + 1). Blind to dependence of which the
    residuals' covariance is 0, e.g. in variances alone. Raises `ValueError` as `as_sample` does.
    """
    check_whole("n_draws", n_draws, 1)
    check_whole("seed", seed, 0)
    a, b, given = as_sample(x, "x"), as_sample(y, "y"), as_sample(z, "z")
    n = len(given)
    if not len(a) == len(b) == n:
        raise ValueError(f"lengths differ: x {len(a)}, y {len(b)}, z {n}; one row per observation.")
    if n < 20:
        raise ValueError(f"{n} observations are too few for regressions on z; 20 are needed.")
    values, vectors = linalg.eigh(centred(rbf(given, "z")))
    r, s = (_residuals(side - side.mean(axis=0), values, vectors) for side in (a, b))
    products = (r[:, :, None] * s[:, None, :]).reshape(n, -1)
    mean, spread = products.mean(axis=0), products.std(axis=0)
    if not spread.all():
        raise ValueError("a column of x or y is constant, or z determines it exactly; drop it.")
    largest = float(np.abs(np.sqrt(n) * mean / spread).max())
    if products.shape[1] == 1:
        return GcmResult(largest, float(2.0 * special.ndtr(-largest)), n, "normal law")
    noise = np.random.default_rng(seed).normal(size=(n_draws, n))
    drawn = np.abs(noise @ ((products - mean) / spread) / np.sqrt(n)).max(axis=1)
    p = (1 + int((drawn >= largest).sum())) / (n_draws + 1)
    return GcmResult(largest, p, n, f"{n_draws} multiplier draws, {products.shape[1]} covariances")


def _residuals(side: Floats, values: Floats, vectors: Floats) -> Floats:
    """Residuals (n, d) of kernel ridge regression; each column with the ridge of least error.

    The leave-one-out error of a linear smoother H is residual / (1 - H_ii).
    """
    inside = vectors.T @ side
    best = np.full(side.shape[1], np.inf)
    result = side.copy()
    for ridge in RIDGES * len(side):
        shrunk = np.maximum(values, 0.0) / (np.maximum(values, 0.0) + ridge)
        residual = side - vectors @ (shrunk[:, None] * inside)
        leverage = (vectors**2 @ shrunk)[:, None]
        error = ((residual / np.maximum(1.0 - leverage, 1e-12)) ** 2).mean(axis=0)
        better = error < best
        best[better], result[:, better] = error[better], residual[:, better]
    return result


def local_permutation_test(
    x: ArrayLike,
    y: ArrayLike,
    z: ArrayLike,
    *,
    size: int = 8,
    n_permutations: int = 999,
    seed: int = 0,
) -> HsicResult:
    """HSIC of x and y, permuted only among about `size` observations of like z.

    The groups are the leaves of a tree that halves the widest column of z at its median. Exact for
    a z that is constant in leaves (Kim et al. 2022 bound the rest); smaller leaves are truer to z
    and leave fewer arrangements.
    """
    if size < 2:
        raise ValueError(f"size is {size}; at least 2 observations must be able to trade places.")
    strata = leaves(as_sample(z, "z"), size)
    return hsic_test(
        x, y, strata=strata, null="permutation", n_permutations=n_permutations, seed=seed
    )


def leaves(z: Floats, size: int) -> np.ndarray:
    """Labels (n,) of groups of `size` to 2 size - 1 neighbours, by halving the widest column."""
    spread = z.std(axis=0)
    scaled = z / np.where(spread > 0.0, spread, 1.0)
    labels = np.zeros(len(z), dtype=np.int64)
    waiting, found = [np.arange(len(z))], 0
    while waiting:
        rows = waiting.pop()
        if len(rows) < 2 * size:
            labels[rows] = found
            found += 1
            continue
        widest = int(np.ptp(scaled[rows], axis=0).argmax())
        order = rows[np.argsort(scaled[rows, widest], kind="stable")]
        waiting += [order[: len(rows) // 2], order[len(rows) // 2 :]]
    return labels


def randomisation_test(
    statistic: Callable[[np.ndarray], float],
    observed: ArrayLike,
    draw: Callable[[np.random.Generator], np.ndarray],
    *,
    n_draws: int = 999,
    seed: int = 0,
) -> float:
    """p-value of a statistic of x where the law of x given all else is known, so exact.

    draw: another x by that law; (1 + k) / (n_draws + 1), k the draws that reach the observed value.
    Raises `ValueError` where the statistic is not finite.
    """
    check_whole("n_draws", n_draws, 1)
    check_whole("seed", seed, 0)
    random = np.random.default_rng(seed)
    found = float(statistic(np.asarray(observed)))
    drawn = np.array([float(statistic(draw(random))) for _ in range(n_draws)])
    if not np.isfinite(drawn).all() or not np.isfinite(found):
        raise ValueError("the statistic is not finite for x or a draw of it; mend the statistic.")
    spread = float(np.append(drawn, found).std())
    return (1 + int((drawn >= found - CLOSE * spread).sum())) / (n_draws + 1)
