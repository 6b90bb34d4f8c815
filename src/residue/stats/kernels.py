"""Gram matrices of samples: how alike two observations are, on the scale of the sample itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from residue.stats.intervals import Floats

KERNELS = ("rbf", "delta")
FEWEST = 6
"""Observations of a test; below, the unbiased statistic has next to no arrangements."""
LARGEST = 1e150
"""Beyond, or below its inverse, squares of differences leave the range of floating point."""


def as_sample(values: ArrayLike, name: str) -> Floats:
    """Observations as a finite (n, d) float array; (n,) becomes (n, 1).

    Raises `ValueError` naming the argument on other shapes, text, NaN, infinity, masked entries
    and numbers out of the range of `LARGEST`.
    """
    if np.ma.is_masked(values):
        raise ValueError(f"{name} has masked entries; drop those rows.")
    try:
        array = np.asarray(values)
        if array.dtype.kind == "O":
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is not a table of numbers; give (n,) or (n, d).") from None
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} holds {array.dtype} values; give numbers, and labels to a test of labels."
        )
    array = np.asarray(array, dtype=np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or not array.shape[1]:
        raise ValueError(f"{name} has shape {array.shape}; give (n,) or (n, d).")
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if bad.size:
        raise ValueError(f"{name} is not finite in {bad.size} rows, the first is row {bad[0]}.")
    if array.size and (
        np.abs(array).max() > LARGEST or 0.0 < np.ptp(array, axis=0).max() < 1.0 / LARGEST
    ):
        raise ValueError(
            f"{name} spans more than {LARGEST:g} or less than its inverse; give another unit."
        )
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

    Where more than half of the pairs coincide it would be 0, and the mean takes its place. Raises
    `ValueError` where all do.
    """
    n = distances.shape[0]
    # Strided views of the upper triangle, row by row, need no index arrays of n² integers.
    upper = np.concatenate([distances[i, i + 1 :] for i in range(n - 1)])
    median = float(np.median(upper, overwrite_input=True))
    if median > 0.0:
        return median
    mean = float(upper.mean())
    if mean <= 0.0:
        raise ValueError(f"{name} is constant; a constant is independent of everything: drop it.")
    return mean


def rbf(x: Floats, name: str = "the sample", *, scale: float = 1.0) -> Floats:
    """exp(-||x_i - x_j||² / (scale · m)), m the median squared distance over i < j."""
    distances = squared_distances(x)
    distances /= -scale * median_square(distances, name)
    gram: Floats = np.exp(distances, out=distances)
    return gram


def delta(labels: ArrayLike, name: str = "the sample") -> Floats:
    """1 where two labels are the same, else 0; (n,) or (n, d) labels of any type.

    Raises `ValueError` where labels are missing, all the same, or each stands once: then no two
    observations are alike, and the kernel knows nothing.
    """
    codes = codes_of(labels, name)
    kinds = int(codes.max()) + 1
    if kinds == 1:
        raise ValueError(f"{name} is constant: one label for all {len(codes)} rows; drop it.")
    if kinds == len(codes):
        raise ValueError(
            f"{name} has another label in each of the {kinds} rows, so that no two are alike; use "
            "kernel='rbf' for numbers."
        )
    gram: Floats = (codes[:, None] == codes[None, :]).astype(np.float64)
    return gram


def codes_of(labels: ArrayLike, name: str = "labels") -> np.ndarray[Any, np.dtype[np.int64]]:
    """Labels as 0, 1, …, in sorted order where they can be sorted, else in that of appearance.

    Lines of a matrix are one label each. Raises `ValueError` on None, NaN and masked entries.
    """
    try:
        array = np.asarray(labels)
    except ValueError:
        raise ValueError(f"{name} is ragged; give one label per observation.") from None
    if not array.size or array.ndim > 2 or not array.ndim:
        raise ValueError(f"{name} has shape {array.shape}; give one label per observation.")
    # NaN, and NaT too, differ from themselves.
    none = array.dtype.kind == "O" and any(label is None for label in array.reshape(-1))
    if none or np.not_equal(array, array).any() or np.ma.is_masked(labels):
        raise ValueError(f"{name} holds missing labels; drop those rows or name them.")
    if array.dtype.kind == "O":
        lines = array.tolist() if array.ndim == 1 else [tuple(line) for line in array.tolist()]
        seen: dict[Any, int] = {}
        return np.array([seen.setdefault(line, len(seen)) for line in lines], dtype=np.int64)
    axis = None if array.ndim == 1 else 0
    return np.unique(array, axis=axis, return_inverse=True)[1].reshape(-1).astype(np.int64)


def gram(values: ArrayLike, kernel: str, name: str) -> Floats:
    """The Gram matrix of a sample under a kernel of `KERNELS`.

    Raises `ValueError` below `FEWEST` observations, and as `as_sample` and `delta` do.
    """
    if kernel not in KERNELS:
        raise ValueError(f"kernel {kernel!r} is unknown; there are: {', '.join(KERNELS)}.")
    if kernel == "rbf":
        sample = as_sample(values, name)
        check_enough(len(sample))
        return rbf(sample, name)
    codes = codes_of(values, name)
    check_enough(len(codes))
    return delta(codes, name)


def check_enough(n: int) -> None:
    """Raises `ValueError` below `FEWEST` observations."""
    if n < FEWEST:
        raise ValueError(f"{n} observations are too few for a test; at least {FEWEST} are needed.")


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
