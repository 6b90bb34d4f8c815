"""Gram matrices of samples: how alike two observations are, on the scale of the sample itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from residue.stats.intervals import Floats

KERNELS = ("rbf", "delta")


def as_sample(values: ArrayLike, name: str) -> Floats:
    """Observations as a finite (n, d) float array; (n,) becomes (n, 1).

    Raises `ValueError` naming the argument on other shapes, text, NaN or infinity.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} holds {array.dtype} values; give numbers, or kernel='delta'.")
    array = np.asarray(array, dtype=np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or not array.shape[1]:
        raise ValueError(f"{name} has shape {array.shape}; give (n,) or (n, d).")
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if bad.size:
        raise ValueError(f"{name} is not finite in {bad.size} rows, the first is row {bad[0]}.")
    return array


def squared_distances(x: Floats) -> Floats:
    """||x_i - x_j||² of all pairs, (n, n), exactly 0 on the diagonal."""
    # Centred first: the product form loses digits in proportion to the distance from the origin.
    x = x - x.mean(axis=0)
    squares = np.einsum("ij,ij->i", x, x)
    distances = x @ x.T
    distances *= -2.0
    distances += squares[:, None]
    distances += squares[None, :]
    np.maximum(distances, 0.0, out=distances)
    np.fill_diagonal(distances, 0.0)
    return distances


def median_square(distances: Floats, name: str = "the sample") -> float:
    """Median squared distance over pairs i < j; the usual bandwidth of an rbf kernel.

    Raises `ValueError` where more than half of the pairs coincide, so that it would be 0.
    """
    n = distances.shape[0]
    # Strided views of the upper triangle, row by row, need no index arrays of n² integers.
    upper = np.concatenate([distances[i, i + 1 :] for i in range(n - 1)])
    median = float(np.median(upper))
    if median <= 0.0:
        constant = not upper.any()
        raise ValueError(
            f"{name} {'is constant' if constant else 'mostly repeats one value'}: its median "
            "distance is 0 and sets no bandwidth; use kernel='delta' for labels, or drop it."
        )
    return median


def rbf(x: Floats, name: str = "the sample", *, scale: float = 1.0) -> Floats:
    """exp(-||x_i - x_j||² / (scale · m)), m the median squared distance over i < j."""
    distances = squared_distances(x)
    distances /= -scale * median_square(distances, name)
    gram: Floats = np.exp(distances, out=distances)
    return gram


def delta(labels: ArrayLike, name: str = "the sample") -> Floats:
    """1 where two labels are the same, else 0; (n,) or (n, d) labels of any type."""
    array = np.asarray(labels)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} holds labels that are not finite; drop or name them.")
    codes = codes_of(array)
    gram: Floats = (codes[:, None] == codes[None, :]).astype(np.float64)
    if gram.all():
        raise ValueError(f"{name} is constant: one label for all {len(codes)} rows.")
    return gram


def codes_of(labels: ArrayLike) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Labels as 0, 1, … in sorted order; lines of a matrix are one label each."""
    array = np.asarray(labels)
    axis = None if array.ndim == 1 else 0
    return np.unique(array, axis=axis, return_inverse=True)[1].reshape(-1).astype(np.int64)


def gram(values: ArrayLike, kernel: str, name: str) -> Floats:
    """The Gram matrix of a sample under a kernel of `KERNELS`."""
    if kernel == "rbf":
        return rbf(as_sample(values, name), name)
    if kernel == "delta":
        return delta(values, name)
    raise ValueError(f"kernel '{kernel}' is unknown; there are: {', '.join(KERNELS)}.")


def centred(k: Floats) -> Floats:
    """H K H with H = I - 11ᵀ/n: every row and column sums to 0."""
    means = k.mean(axis=0)
    result: Floats = k - means[None, :]
    result -= means[:, None]
    result += means.mean()
    return result


def u_centred(k: Floats) -> Floats:
    """The U-centred matrix (Székely and Rizzo 2014): zero diagonal, rows that sum to 0.

    Off the diagonal k_ij - k_i·/(n-2) - k_·j/(n-2) + k_··/((n-1)(n-2)), sums without the diagonal.
    """
    n = k.shape[0]
    sums = k.sum(axis=0) - np.diag(k)
    result: Floats = k - sums[None, :] / (n - 2)
    result -= sums[:, None] / (n - 2)
    result += sums.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(result, 0.0)
    return result
