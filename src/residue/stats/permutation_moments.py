"""Exact mean, variance and skewness of Σ A_ij B_π(i)π(j) over permutations, without permuting.

A and B are symmetric (n, n) matrices whose rows sum to 0. A moment of order k is a sum over 2k
indices; over all n! permutations its mean depends only on which of them coincide:

    E[T^k] = Σ_P S_A(P) S_B(P) / (n)_|P|,

P running over the partitions of the 2k indices, S over the index values that are equal inside
blocks of P and different between them, (n)_m = n (n-1) … (n-m+1). S follows from unrestricted sums
by Möbius inversion on the partition lattice, and because rows sum to 0 only those unrestricted sums
are left in which no index stands alone: three for the variance, eight for the third moment (the
closed forms of Kazi-Aoual et al. 1995, here derived by machine and exact for every n).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.linalg import blas

from residue.stats.intervals import Floats

Partition = tuple[int, ...]
"""Block number of each index, blocks numbered by first appearance."""


@dataclass(frozen=True)
class Moments:
    """Mean, variance and skewness of a null law; skewness 0 where the variance is."""

    mean: float
    variance: float
    skewness: float


def free(a: Floats, b: Floats) -> Moments:
    """All n! permutations equally likely. Cost: one product of n x n matrices per side."""
    n = a.shape[0]
    mean = float(np.trace(a) * np.trace(b) / (n - 1))
    sums = [_sums(side) for side in (a, b)]
    second = sums[0][0] @ _weights(2, n) @ sums[1][0]
    third = sums[0][1] @ _weights(3, n) @ sums[1][1]
    variance = float(second - mean**2)
    central = float(third - 3.0 * mean * second + 2.0 * mean**3)
    return moments(mean, variance, central)


def flips(a: Floats, b: Floats, pairs: np.ndarray) -> Moments:
    """Each of m pairs keeps or swaps its two observations of B, 2^m equally likely ways.

    pairs: (m, 2) indices, all n = 2m of them. With signs ε the statistic is
    c + Σ α_p ε_p + Σ_{p<q} β_pq ε_p ε_q, a Rademacher chaos, whose moments are closed.
    """
    parts = [_half_sums(side, pairs) for side in (a, b)]
    same = sum(float((parts[0][key] * parts[1][key]).sum()) for key in ("ss", "dd-diagonal"))
    linear = 2.0 * (parts[0]["sd"] * parts[1]["sd"]).sum(axis=0)
    cross = parts[0]["dd"] * parts[1]["dd"]
    beta = 2.0 * cross
    variance = float((linear**2).sum() + (beta**2).sum() / 2.0)
    triangles = float(((beta @ beta) * beta).sum())
    third = 3.0 * float(linear @ beta @ linear) + triangles
    return moments(same, variance, third)


def moments(mean: float, variance: float, third: float) -> Moments:
    """From central moments; rounding below 0 counts as no spread."""
    if variance <= 1e-24 * max(mean**2, 1e-300):
        return Moments(mean, 0.0, 0.0)
    return Moments(mean, variance, third / variance**1.5)


def _half_sums(side: Floats, pairs: np.ndarray) -> dict[str, Floats]:
    """A side in the orthonormal basis (sum, difference) of each pair.

    Swapping a pair flips the sign of its difference: what joins two sums, or one difference with
    itself, stays; what joins a sum and a difference, or two differences, changes sign.
    """
    first, second = pairs.T
    rows = np.stack([side[first] + side[second], side[first] - side[second]]) / math.sqrt(2.0)
    total = (rows[:, :, first] + rows[:, :, second]) / math.sqrt(2.0)
    other = (rows[:, :, first] - rows[:, :, second]) / math.sqrt(2.0)
    differences = other[1].copy()
    diagonal = np.diag(differences).copy()
    np.fill_diagonal(differences, 0.0)
    return {"ss": total[0], "sd": other[0], "dd": differences, "dd-diagonal": diagonal}


# --- unrestricted sums ---------------------------------------------------------------------------

SECOND = ("v0 v0|v0 v0", "v0 v0|v1 v1", "v0 v1|v0 v1")
THIRD = (
    "v0 v0|v0 v0|v0 v0",
    "v0 v0|v0 v0|v1 v1",
    "v0 v0|v0 v1|v0 v1",
    "v0 v1|v0 v1|v0 v1",
    "v0 v0|v0 v1|v1 v1",
    "v0 v0|v1 v1|v2 v2",
    "v0 v0|v1 v2|v1 v2",
    "v0 v1|v0 v2|v1 v2",
)
"""Graphs without a vertex of degree one, two or three edges, loops allowed; each names a sum."""


def _sums(a: Floats) -> tuple[Floats, Floats]:
    """The sums named by `SECOND` and `THIRD`, in their order."""
    diagonal, norms = np.diag(a), np.einsum("ij,ij->i", a, a)
    trace, loops, norm = diagonal.sum(), (diagonal**2).sum(), norms.sum()
    # A² is symmetric: BLAS makes one of its triangles for half the work, the other stays 0.
    triangle = blas.dsyrk(1.0, a.T)
    second = np.array([loops, trace**2, norm])
    third = np.array(
        [
            (diagonal**3).sum(),
            loops * trace,
            diagonal @ norms,
            float(np.einsum("ij,ij,ij->", a, a, a)),
            diagonal @ a @ diagonal,
            trace**3,
            trace * norm,
            2.0 * float(np.vdot(triangle.T, a)) - float(norms @ diagonal),
        ]
    )
    return second, third


@cache
def _patterns(order: int) -> tuple[tuple[int, Floats], ...]:
    """For each kind of partition: its number of blocks and S in terms of the named sums."""
    names = SECOND if order == 2 else THIRD
    place = {_graph(_parse(name)): number for number, name in enumerate(names)}
    found = []
    for partition in _partitions(2 * order):
        row = np.zeros(len(names))
        for merged in _partitions(max(partition) + 1):
            coarser = _renumbered([merged[block] for block in partition])
            number = place.get(_graph(coarser))
            if number is not None:
                row[number] += _moebius(merged)
        found.append((max(partition) + 1, row))
    return tuple(found)


@cache
def _weights(order: int, n: int) -> Floats:
    """Matrix W with E[T^order] = u_A W u_B, u the named sums."""
    patterns = _patterns(order)
    size = len(patterns[0][1])
    weights: Floats = np.zeros((size, size))
    for blocks, row in patterns:
        if blocks <= n:
            weights += np.outer(row, row) / math.perm(n, blocks)
    return weights


def _partitions(size: int) -> Iterator[Partition]:
    """All set partitions of 0 … size-1 as restricted growth strings."""

    def grow(prefix: list[int], blocks: int) -> Iterator[Partition]:
        if len(prefix) == size:
            yield tuple(prefix)
            return
        for block in range(blocks + 1):
            yield from grow([*prefix, block], max(blocks, block + 1))

    yield from grow([], 0)


def _moebius(merged: Partition) -> float:
    """μ(P, Q) where Q merges the blocks of P as `merged` says: Π (-1)^(k-1) (k-1)!."""
    return math.prod((-1.0) ** (k - 1) * math.factorial(k - 1) for k in Counter(merged).values())


def _renumbered(blocks: list[int]) -> Partition:
    seen: dict[int, int] = {}
    return tuple(seen.setdefault(block, len(seen)) for block in blocks)


def _parse(name: str) -> Partition:
    return tuple(int(vertex[1:]) for edge in name.split("|") for vertex in edge.split())


def _graph(partition: Partition) -> tuple[tuple[int, ...], ...]:
    """The multigraph of a partition (indices 2e and 2e+1 are edge e), equal for isomorphic ones."""
    from itertools import permutations

    size = max(partition) + 1
    edges = list(zip(partition[::2], partition[1::2], strict=True))
    if size > 3:
        # More vertices than edges: one of them stands alone, and its sum is 0.
        return ()
    return min(
        tuple(sorted((min(o[i], o[j]), max(o[i], o[j])) for i, j in edges))
        for o in permutations(range(size))
    )
