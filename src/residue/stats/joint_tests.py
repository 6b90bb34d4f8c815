"""Many samples against one y, such as the rows of a model: one permutation serves them all.

Tests of rows of one model are alike, and an adjustment that forgets it gives power away. The
largest statistic of every shared permutation is what any of them reaches by chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from residue.stats.arrangements import Design, design_of, totals
from residue.stats.independence import CLOSE, pair_of, same_length
from residue.stats.intervals import Floats, check_whole
from residue.stats.kernels import gram, u_centred


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

    Memory holds the Gram matrices of one sample at a time. Designs as in `hsic_test`.
    """
    kernels = pair_of(kernel)
    check_whole("n_permutations", n_permutations, 1)
    check_whole("seed", seed, 0)
    if not len(xs):
        raise ValueError("xs is empty; give at least one sample.")
    gram_y = gram(y, kernels[1], "y")
    n = len(gram_y)
    design = design_of(n, strata=strata, pairs=pairs, clusters=clusters)

    def sides() -> Iterator[tuple[Floats, Floats]]:
        for number, x in enumerate(xs):
            gram_x = gram(x, kernels[0], f"xs[{number}]")
            same_length(gram_x, gram_y)
            yield design.sides(gram_x, gram_y, u_centred)

    observed, z = shared_permutations(sides(), design, n_permutations, seed)
    largest = z.max(axis=1)
    alone = (1 + (z[1:] >= z[0] - CLOSE).sum(axis=0)) / len(z)
    joint = (1 + (largest[1:, None] >= z[0][None, :] - CLOSE).sum(axis=0)) / len(z)
    return MaxTest(observed / (n * (n - 3)), alone, joint)


def shared_permutations(
    stack: Iterable[tuple[Floats, Floats]], design: Design, n_permutations: int, seed: int
) -> tuple[Floats, Floats]:
    """Σ A∘B of every pair of sides, (k,), and standardised under shared permutations, (B + 1, k).

    The observed arrangement comes first, and counts in mean and spread like the others. Sides are
    taken one pair after the other, so that memory need hold but one.
    """
    columns = []
    for a, b in stack:
        # Equal seeds give equal arrangements: the joint null law is that of one permutation of y.
        drawn = totals(a, b, design.draws(n_permutations, seed))
        columns.append(np.concatenate([[np.vdot(a, b)], drawn]))
    every = np.stack(columns, axis=1)
    spread = every.std(axis=0, ddof=1)
    spread[spread == 0.0] = 1.0
    return every[0], (every - every.mean(axis=0)) / spread
