"""The far tail of a permutation law: what three moments miss where few eigenvalues carry it.

Over permutations of many observations, Σ A_ij B_π(i)π(j) tends to Σ λ_i μ_j (χ²_1 - 1), λ and μ the
eigenvalues of A and B over √n. Its tail is that of its largest weight, and Pearson III, which
matches all weights together, falls off sooner: at d = 1 its p is 0.6 of the true one at 1e-4. So
below `FROM` a p-value is multiplied by P(W > z) / P(V > z), W the limit law and V the Pearson III
law with W's own skewness: by what three moments miss of a law that is known. P(W > z) is found by
saddlepoint (Lugannani and Rice 1980); weights beyond the leading ones act as a normal variable.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize, special
from scipy import stats as laws

from residue.stats.intervals import Floats

FROM = 0.01
"""p-values above it are Pearson III's own: there it errs by 0.02 of log10 p and less."""
FEWEST = 150
"""Units below which the limit's tail, too long by then, is no better a guide than three exact
moments (benchmarks/tails.md)."""
LEADING = 16
"""Eigenvalues of each side found by subspace iteration."""


def with_tail(p: float, a: Floats, b: Floats, z: float) -> float:
    """A Pearson III p-value with the tail of the limit law; itself above `FROM`, never smaller.

    a, b: symmetric (n, n) with rows that sum to 0; z: the standardised statistic. Cost O(n²).
    """
    if p >= FROM or p <= 0.0 or len(a) < FEWEST:
        return p
    weights = np.outer(_leading(a), _leading(b)).reshape(-1)
    whole = float(np.vdot(a, a) * np.vdot(b, b))
    if weights.max() <= 0.0 or whole <= 0.0:
        return p
    weights = weights[np.abs(weights) > 1e-4 * weights.max()]
    rest = max(1.0 - float((weights**2).sum()) / whole, 0.0)
    weights = weights / math.sqrt(2.0 * whole)
    tail = _saddlepoint(weights, rest, z)
    fitted = float(laws.pearson3.sf(z, 8.0 * float((weights**3).sum())))
    if tail <= 0.0 or fitted <= 0.0:
        return p
    return min(FROM, p * max(1.0, tail / fitted))


def _leading(a: Floats) -> Floats:
    """The eigenvalues of largest size, by four steps of subspace iteration from a fixed start."""
    basis = np.random.default_rng(0).normal(size=(len(a), LEADING))
    for _ in range(4):
        basis = np.linalg.qr(a @ basis)[0].astype(np.float64)
    return np.asarray(np.linalg.eigvalsh(basis.T @ (a @ basis)), dtype=np.float64)


def _saddlepoint(weights: Floats, rest: float, z: float) -> float:
    """P(Σ w_k (χ²_1 - 1) + √rest N > z), z above the mean 0."""

    def slope(s: float) -> float:
        return float((weights / (1.0 - 2.0 * s * weights) - weights).sum()) + s * rest

    end = (1.0 - 1e-9) / (2.0 * float(weights.max()))
    s = float(optimize.brentq(lambda at: slope(at) - z, 0.0, end, xtol=1e-14))
    scaled = s * weights
    cumulant = float((-0.5 * np.log1p(-2.0 * scaled) - scaled).sum()) + 0.5 * s * s * rest
    curvature = float((2.0 * (weights / (1.0 - 2.0 * scaled)) ** 2).sum()) + rest
    r, u = math.sqrt(2.0 * (s * z - cumulant)), s * math.sqrt(curvature)
    density = math.exp(-0.5 * r * r) / math.sqrt(2.0 * math.pi)
    return float(special.ndtr(-r)) + density * (1.0 / u - 1.0 / r)
