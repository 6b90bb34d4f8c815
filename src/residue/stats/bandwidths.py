"""HSIC over a grid of bandwidths, for dependence finer or coarser than the median distance.

One bandwidth that is chosen after a look at the data no longer has its level. Here all of them are
tested together: each statistic is standardised under permutations that all share, and the largest
is compared with the largest of every permutation, so that the choice is paid for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from residue.stats.arrangements import design_of
from residue.stats.independence import CLOSE
from residue.stats.intervals import Floats, check_whole
from residue.stats.joint_tests import shared_permutations
from residue.stats.kernels import as_sample, check_enough, rbf, u_centred


@dataclass(frozen=True)
class GridTest:
    """What the best bandwidths of a grid found, and the p-value that pays for choosing them."""

    statistic: float
    """Largest standardised unbiased HSIC."""
    p_value: float
    """(1 + k) / (n_permutations + 1), k the permutations whose largest reaches it."""
    scales: tuple[float, float]
    """Factors of the median squared distance, of x and of y, at the largest."""
    standardised: Floats
    """(scales of x, scales of y): every statistic in standard deviations of its null law."""
    n: int


def hsic_grid_test(
    x: ArrayLike,
    y: ArrayLike,
    *,
    scales: Sequence[float] = (0.1, 1.0, 10.0),
    n_permutations: int = 999,
    strata: ArrayLike | None = None,
    pairs: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    seed: int = 0,
) -> GridTest:
    """Test x and y with kernels exp(-d²/(s m)), s running over `scales` on either side.

    m is the median squared distance over i < j. Designs and errors as in `hsic_test`. Memory
    holds two Gram matrices for each scale; time grows with the square of their number.
    """
    check_whole("n_permutations", n_permutations, 1)
    check_whole("seed", seed, 0)
    if not len(scales) or not all(0.0 < each < np.inf for each in scales):
        raise ValueError(f"scales are {list(scales)}; give numbers above 0.")
    a, b = as_sample(x, "x"), as_sample(y, "y")
    n = len(a)
    if n != len(b):
        raise ValueError(f"x has {n} rows and y has {len(b)}; both need one row per item.")
    check_enough(n)
    design = design_of(n, strata=strata, pairs=pairs, clusters=clusters)
    grams = [[rbf(side, name, scale=s) for s in scales] for side, name in ((a, "x"), (b, "y"))]
    stack = (design.sides(one, other, u_centred) for one in grams[0] for other in grams[1])
    _, z = shared_permutations(stack, design, n_permutations, seed)
    largest = z.max(axis=1)
    p = (1 + int((largest[1:] >= largest[0] - CLOSE).sum())) / len(largest)
    best = divmod(int(z[0].argmax()), len(scales))
    chosen = (float(scales[best[0]]), float(scales[best[1]]))
    return GridTest(float(largest[0]), p, chosen, z[0].reshape(len(scales), -1), n)
