"""Kernel test of conditional independence (KCI) without an eigendecomposition.

Zhang et al. 2011. With R = ε (K_z + ε I)⁻¹, A = R K_(x, z/2) R and B = R K_y R the statistic is
Σ A∘B. Its null law is that of Σ λ_k χ²_1, λ the eigenvalues of the Gram matrix of all products of
eigenvectors of A and B; that matrix is A∘B itself, so the gamma law's mean is Σ A_ii B_ii and its
variance 2 ‖A∘B‖², both read off in O(n²).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg
from scipy import stats as laws

from residue.stats.intervals import Floats, check_whole
from residue.stats.kernels import as_sample, centred, median_square, squared_distances

RIDGE = 1e-3
"""ε of the regression on z, as in the authors' own program."""
FEWEST = 20
"""Observations below which two moments of the null law say nothing about its tail."""

Width = Literal["median", "empirical"] | float


@dataclass(frozen=True)
class KciResult:
    """A KCI statistic and the two moments of its null law."""

    statistic: float
    p_value: float
    null_mean: float
    null_variance: float
    n: int
    method: str


def kci_test(
    x: ArrayLike,
    y: ArrayLike,
    z: ArrayLike | None = None,
    *,
    width: Width = "median",
    seed: int = 0,
) -> KciResult:
    """Test x ⟂ y, or x ⟂ y given z, by the two-moment gamma law of the kernel statistic.

    x, y, z: (n,) or (n, d), each column standardised (a constant column becomes 0). Kernel
    exp(-d²/(2 σ²)). width: ``median`` σ = √2 × median distance over pairs, of the standardised
    sample given z, but, as the reference program has it, of the sample as given without z: there
    its unit matters, and the scale-free `hsic_test` is the better test; ``empirical`` the
    authors' σ by n (0.8, 0.5, 0.3 without z, 1.2, 0.7, 0.4 given z), times √d, since distances
    grow as √d and at d above 1 any other scaling leaves a kernel without power; or σ itself.
    The gamma law is short in the tail at d = 1 (p some 3 times too small at 0.001) and long at
    d = 32: for decisions below 0.01 use `hsic_test` inside strata of z. seed: kept for samples of
    more than 1,000 rows, whose median distance is taken over 1,000 drawn rows.
    Raises `ValueError` on NaN, lengths that differ, all-constant samples, fewer than 20 rows.
    """
    _check_width(width)
    check_whole("seed", seed, 0)
    sides = {"x": as_sample(x, "x"), "y": as_sample(y, "y")}
    if z is not None:
        sides["z"] = as_sample(z, "z")
    lengths = {name: len(side) for name, side in sides.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"lengths differ: {lengths}; all need one row per observation.")
    n = lengths["x"]
    if n < FEWEST:
        raise ValueError(f"{n} observations are too few for KCI; {FEWEST} are needed.")
    scaled = {name: _standard(side, name) for name, side in sides.items()}
    if z is None:
        empirical = (0.8, 0.5, 0.3)
        a, b = (
            centred(_kernel(scaled[s], _sigma(sides[s], width, seed, empirical, s))) for s in "xy"
        )
        return _plain(a, b, f"width {_said(width)}")
    given = scaled["z"]
    empirical = (1.2, 0.7, 0.4)
    d = given.shape[1]
    joint = np.concatenate([scaled["x"], 0.5 * given], axis=1)
    kz = centred(_kernel(given, _sigma(given, width, seed, empirical, "z")))
    a, b = (
        centred(_kernel(side, _sigma(side, width, seed, empirical, name, d)))
        for name, side in (("x", joint), ("y", scaled["y"]))
    )
    return _conditional(a, b, kz, f"width {_said(width)}")


def kci_of_grams(kx: Floats, ky: Floats, kz: Floats | None = None) -> KciResult:
    """The same test on kernel matrices (n, n) as given, for samples that are no numbers: labels,
    by the delta kernel, or products of kernels. Conditional, x stands for (x, z): k_x ∘ k_z.

    Raises `ValueError` where x or y does not vary.
    """
    n = len(kx)
    for name, k in (("x", kx), ("y", ky)):
        if np.ptp(k) == 0.0:
            raise ValueError(f"{name} is constant; a constant is independent of everything.")
    if n < FEWEST:
        raise ValueError(f"{n} observations are too few for KCI; {FEWEST} are needed.")
    if kz is None:
        return _plain(centred(kx), centred(ky), "kernels as given")
    return _conditional(centred(kx * kz), centred(ky), centred(kz), "kernels as given")


def _plain(a: Floats, b: Floats, kernels: str) -> KciResult:
    n = len(a)
    mean = float(np.trace(a) * np.trace(b) / n)
    variance = 2.0 * float(np.vdot(a, a) * np.vdot(b, b)) / n**2
    return _result(float(np.vdot(a, b)), mean, variance, n, kernels)


def _conditional(a: Floats, b: Floats, kz: Floats, kernels: str) -> KciResult:
    """The statistic of R A R and R B R, which are made as lower triangles."""
    kz[np.diag_indices(len(kz))] += RIDGE
    factor = linalg.cholesky(kz.T, lower=True, overwrite_a=True, check_finite=False)
    inverse, _ = linalg.lapack.dtrtri(factor, lower=1)
    product = _residuals(a, factor, inverse) * _residuals(b, factor, inverse)
    diagonal = np.diag(product)
    mean = float(diagonal.sum())
    variance = 2.0 * (2.0 * float(np.vdot(product, product)) - float(diagonal @ diagonal))
    return _result(2.0 * float(product.sum()) - mean, mean, variance, len(a), kernels)


def _residuals(k: Floats, factor: Floats, inverse: Floats) -> Floats:
    """The lower triangle of R K R, R = ε (L Lᵀ)⁻¹, for half the work of two products.

    LAPACK's reductions of symmetric eigenproblems: M = L⁻¹ K L⁻ᵀ, then L⁻ᵀ M L⁻¹.
    """
    # Kᵀ is K, in the order of memory that LAPACK takes without a copy.
    inner, _ = linalg.lapack.dsygst(k.T, factor, itype=1, lower=1, overwrite_a=1)
    outer, _ = linalg.lapack.dsygst(inner, inverse, itype=2, lower=1, overwrite_a=1)
    lower: Floats = RIDGE**2 * np.tril(outer)
    return lower


def _result(statistic: float, mean: float, variance: float, n: int, kernels: str) -> KciResult:
    if not variance > 0.0 or not mean > 0.0:
        raise ValueError(
            "the kernels leave nothing that varies; give another width, or drop what z determines."
        )
    p = float(laws.gamma.sf(statistic, mean**2 / variance, scale=variance / mean))
    return KciResult(statistic, p, mean, variance, n, f"gamma of two moments, {kernels}")


def _check_width(width: Width) -> None:
    number = isinstance(width, int | float | np.number) and not isinstance(width, bool)
    if not (width in ("median", "empirical") or (number and 0.0 < float(width) < math.inf)):
        raise ValueError(f"width {width!r} is unknown; give median, empirical or a number above 0.")


def _said(width: Width) -> str:
    return width if isinstance(width, str) else f"{width:g}"


def _standard(side: Floats, name: str) -> Floats:
    """Columns of mean 0 and standard deviation 1 (n - 1 in the denominator)."""
    off = side - side.mean(axis=0)
    spread = off.std(axis=0, ddof=1)
    if not spread.any():
        raise ValueError(f"{name} is constant; a constant is independent of everything: drop it.")
    scaled: Floats = off / np.where(spread > 0.0, spread, 1.0)
    return scaled


def _kernel(side: Floats, sigma: float) -> Floats:
    distances = squared_distances(side)
    distances /= -2.0 * sigma**2
    gram: Floats = np.exp(distances, out=distances)
    return gram


def _sigma(
    side: Floats,
    width: Width,
    seed: int,
    empirical: tuple[float, float, float],
    name: str,
    d: int | None = None,
) -> float:
    """The kernel's standard deviation by the named rule."""
    n = len(side)
    if width == "median":
        rows = np.random.default_rng(seed).permutation(n)[:1000] if n > 1000 else np.arange(n)
        return math.sqrt(2.0 * median_square(squared_distances(side[np.sort(rows)]), name))
    if width == "empirical":
        by_n = empirical[0] if n < 200 else empirical[1] if n < 1200 else empirical[2]
        return by_n * math.sqrt(d or side.shape[1])
    return float(width)
