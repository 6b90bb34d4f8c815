"""How often an edge, and an arrow, is found again when the data are drawn anew.

A share of bootstrap samples, no probability that the edge is there: faithfulness and the test's
assumptions fail in every sample alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from residue.stats.conditional_tests import Name
from residue.stats.discovery import Rule, pc
from residue.stats.intervals import Floats


@dataclass(frozen=True)
class EdgeFrequencies:
    """Shares of bootstrap samples, (p, p) each."""

    adjacent: Floats
    """With any edge between i and j; symmetric."""
    arrows: Floats
    """With i → j; what `adjacent` has beyond both directions was a line that nothing oriented."""
    samples: int


def edge_frequencies(
    data: ArrayLike,
    *,
    n_bootstrap: int = 200,
    clusters: ArrayLike | None = None,
    seed: int = 0,
    test: Name = "fisher_z",
    alpha: float = 0.05,
    collider_rule: Rule = "max_p",
    tiers: Sequence[int] | None = None,
) -> EdgeFrequencies:
    """Run `pc` on bootstrap samples of the rows of an (n, p) table.

    clusters: a label per row; whole clusters are drawn. Samples in which a column is constant are
    drawn again; `ValueError` where they are nine in ten.
    """
    table = np.asarray(data)
    labels = np.arange(len(table)) if clusters is None else np.asarray(clusters)
    if len(labels) != len(table):
        raise ValueError(f"clusters has {len(labels)} labels for {len(table)} rows; one for each.")
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    random = np.random.default_rng(seed)
    adjacent, arrows = np.zeros((2, table.shape[1], table.shape[1]))
    kept = 0
    for _ in range(10 * n_bootstrap):
        drawn = random.integers(len(members), size=len(members))
        sample = table[np.concatenate([members[k] for k in drawn])]
        if any((column == column[0]).all() for column in sample.T):
            continue
        graph = pc(
            sample, test=test, alpha=alpha, collider_rule=collider_rule, tiers=tiers
        ).adjacency
        adjacent += (graph + graph.T) > 0
        arrows += (graph == 1) & (graph.T == 0)
        kept += 1
        if kept == n_bootstrap:
            return EdgeFrequencies(adjacent / kept, arrows / kept, kept)
    raise ValueError(
        "most bootstrap samples hold a constant column; give more rows or drop the rare column."
    )
