"""How alike two sets of vectors of the same items are: 1 the same up to what a measure ignores.

Row i of x and row i of y belong together (a fact in two languages, say); on unpaired rows all of
these are noise. With X and Y the arrays less their column means:

`linear_cka` — HSIC₁(X, Y) / √(HSIC₁(X, X) HSIC₁(Y, Y)) with linear kernels, ignoring rotation and
scale of either side. HSIC₁ is the unbiased estimator with zero diagonals (Song et al. 2012, eq. 5;
for CKA: Nguyen et al. 2021, eq. 3): independent sides average 0, where the usual biased form gives
independent rows of 30 items and 128 dimensions about 0.8.
`procrustes` — ‖XᵀY‖_* / (‖X‖_F ‖Y‖_F), the part of y that a rotation of x explains.
`anc` — mean over aligned dimensions of |Pearson r|, ignoring nothing but shift and scale of each.

The last two do not average 0 under independence: compare them with `permutation_null`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Measure = Callable[[Floats, Floats], float]

LEAST = 4
"""Fewest rows: the unbiased estimator divides by n (n - 3)."""

FLAT = 1e-24
"""Share of the squared entries up to which what is left after centring counts as rounding."""

LONE = 1e-10
"""Share of (mean squared norm)² up to which a side's own HSIC₁ counts as rounding."""


def linear_cka(x: ArrayLike, y: ArrayLike) -> float:
    """Unbiased linear CKA of paired rows x (n, d) and y (n, e), in [-1, 1]; 1: a rotation apart.

    Constant columns count nothing. ValueError for values that are not finite, fewer than four rows,
    unequal numbers of rows, or a side on which fewer than two rows differ from the rest: its own
    HSIC₁ is 0 and the ratio is undefined.
    """
    a, b = _paired(x, y)
    _check_varies(a, b, "linear_cka")
    sides = []
    for side, name in ((a, "x"), (b, "y")):
        own = _hsic(side, side)
        if own <= LONE * (_square(side) / len(side)) ** 2:
            raise ValueError(
                f"linear_cka: only one row of {name} differs from all others, so its similarity to "
                "anything is undefined; leave this row of the model out"
            )
        sides.append(own)
    value = _hsic(a, b) / np.sqrt(sides[0] * sides[1])
    return float(np.clip(value, -1.0, 1.0))


def procrustes(x: ArrayLike, y: ArrayLike) -> float:
    """‖XᵀY‖_* / (‖X‖_F ‖Y‖_F) of paired rows x (n, d) and y (n, e), in [0, 1].

    1 where y is x turned, scaled and shifted. Constant columns count nothing. ValueError as for
    `linear_cka`, and where a side does not vary at all. Far above 0 for independent rows with
    n near d or below it.
    """
    a, b = _paired(x, y)
    _check_varies(a, b, "procrustes")
    a, b = narrowed(a), narrowed(b)
    nuclear = float(np.linalg.svd(a.T @ b, compute_uv=False).sum())
    return float(np.clip(nuclear / np.sqrt(_square(a) * _square(b)), 0.0, 1.0))


def anc(x: ArrayLike, y: ArrayLike) -> float:
    """Mean over dimensions of |Pearson r| of paired rows x (n, d) and y (n, d), in [0, 1].

    A dimension that is constant on either side has no correlation and is left out of the mean.
    ValueError as for `linear_cka`, for unequal dimensions, and where every dimension is left out.
    About √(2 / (π n)) for independent rows.
    """
    a, b = _paired(x, y)
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"anc compares dimension by dimension, but x has {a.shape[1]} and y {b.shape[1]}; "
            "use linear_cka or procrustes for different widths"
        )
    of_x, of_y = (a**2).sum(axis=0), (b**2).sum(axis=0)
    held = (of_x > 0.0) & (of_y > 0.0)
    if not held.any():
        raise ValueError("anc: no dimension varies on both sides; leave this row of the model out")
    products = (a[:, held] * b[:, held]).sum(axis=0)
    correlation = np.abs(products) / np.sqrt(of_x[held] * of_y[held])
    return float(np.clip(correlation, 0.0, 1.0).mean())


def narrowed(x: Floats) -> Floats:
    """Rows (n, d) in an orthonormal basis of their own span, (n, min(n, d)): same inner products.

    `linear_cka` and `procrustes` are the same for it, and cheaper where d is above n.
    """
    if x.shape[0] >= x.shape[1]:
        return x
    return np.asarray(np.linalg.qr(x.T)[1].T, np.float64)


@dataclass(frozen=True)
class Null:
    """A measure beside its values with the pairing broken."""

    value: float
    mean: float
    """Mean over permutations: what chance alone gives for these n and d."""
    p: float
    """(1 + number of permutations that reach the value) / (1 + permutations), one-sided."""


def permutation_null(
    measure: Measure,
    x: ArrayLike,
    y: ArrayLike,
    *,
    rng: np.random.Generator,
    n_permutations: int = 99,
) -> Null:
    """Compare a measure with its values after the rows of y are dealt anew.

    Rows must be exchangeable: one per country, say. Several rows of one country resemble each
    other on both sides, and shuffling them one by one would call that agreement.
    """
    if n_permutations < 1:
        raise ValueError(f"n_permutations must be at least 1, got {n_permutations}")
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    observed = measure(a, b)
    return compared(
        observed, [measure(a, b[rng.permutation(len(b))]) for _ in range(n_permutations)]
    )


def compared(observed: float, chance: Sequence[float]) -> Null:
    """A value beside what chance gave; larger values are further from chance."""
    null = np.asarray(chance, np.float64)
    # Values that are equal in exact arithmetic must not differ by rounding.
    reached = int((null >= observed - 1e-12).sum())
    return Null(observed, float(null.mean()), (1 + reached) / (1 + len(null)))


def _paired(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """Both sides as float64 less their column means, columns that are constant exactly 0.

    Each is divided by its greatest magnitude, which no measure here notices, so that squares of
    very large or small numbers stay numbers.
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    for side, name in ((a, "x"), (b, "y")):
        if side.ndim != 2:
            raise ValueError(f"{name} must be (items, dimensions), got the shape {side.shape}")
        if not np.isfinite(side).all():
            bad = np.argwhere(~np.isfinite(side))
            raise ValueError(
                f"{name} has {len(bad)} values that are not finite (first: item {bad[0][0]}, "
                f"dimension {bad[0][1]}); a similarity of them would hide a broken model"
            )
    if len(a) != len(b):
        raise ValueError(f"x has {len(a)} rows and y {len(b)}; row i of both must be one item")
    if len(a) < LEAST:
        raise ValueError(f"{len(a)} rows are too few; a similarity needs {LEAST} or more")
    return _centred(a), _centred(b)


def _centred(x: Floats) -> Floats:
    scaled = x / (np.abs(x).max(initial=0.0) or 1.0)
    moved: Floats = scaled - scaled.mean(axis=0)
    varies = (moved**2).sum(axis=0) > FLAT * (scaled**2).sum(axis=0)
    return np.where(varies, moved, 0.0)


def _hsic(a: Floats, b: Floats) -> float:
    """HSIC₁ with linear kernels of centred rows (n, d), (n, e).

    [tr K̃L̃ + (1ᵀK̃1)(1ᵀL̃1) / ((n-1)(n-2)) - 2 · 1ᵀK̃L̃1 / (n-2)] / (n (n-3)), where K̃ is AAᵀ with a
    zero diagonal. A is centred, so K̃1 = -(|a_i|²) and no kernel matrix is needed for d < n.
    """
    n = len(a)
    of_a, of_b = (a**2).sum(axis=1), (b**2).sum(axis=1)
    if n < max(a.shape[1], b.shape[1]):
        whole = float(((a @ a.T) * (b @ b.T)).sum())
    else:
        whole = _square(a.T @ b)
    both = float(of_a @ of_b)
    sums = float(of_a.sum() * of_b.sum()) / ((n - 1) * (n - 2))
    return (whole - both + sums - 2.0 * both / (n - 2)) / (n * (n - 3))


def _check_varies(a: Floats, b: Floats, name: str) -> None:
    for side, which in ((a, "x"), (b, "y")):
        if not _square(side) > 0.0:
            raise ValueError(
                f"{name}: the rows of {which} are all the same; leave this row of the model out"
            )


def _square(a: Floats) -> float:
    return float(np.vdot(a, a))
