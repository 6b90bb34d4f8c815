"""How far a found graph is from the true one: skeleton, arrows, structural Hamming distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from residue.stats.orientation import meek


@dataclass(frozen=True)
class GraphScores:
    """Counts and rates of a found CPDAG against the true one; a rate of nothing is NaN."""

    skeleton_precision: float
    skeleton_recall: float
    skeleton_f1: float
    orientation_precision: float
    """Of the arrows found, the share that are arrows of the true CPDAG."""
    orientation_recall: float
    shd: int
    """Pairs whose edge differs: absent, undirected, one way or the other (Tsamardinos 2006)."""


def graph_scores(found: ArrayLike, true: ArrayLike) -> GraphScores:
    """Compare adjacency matrices, a[i, j] = 1 and a[j, i] = 0 for i → j, both 1 for a line."""
    a, b = (np.asarray(each) != 0 for each in (found, true))
    if a.shape != b.shape or a.ndim != 2:
        raise ValueError(f"graphs have shapes {a.shape} and {b.shape}; give two of one size.")
    upper = np.triu_indices(len(a), 1)
    edges = [(each | each.T)[upper] for each in (a, b)]
    both = int((edges[0] & edges[1]).sum())
    arrows = [each & ~each.T for each in (a, b)]
    right = int((arrows[0] & arrows[1]).sum())
    precision, recall = _share(both, edges[0].sum()), _share(both, edges[1].sum())
    differs = (a[upper] != b[upper]) | (a.T[upper] != b.T[upper])
    return GraphScores(
        skeleton_precision=precision,
        skeleton_recall=recall,
        skeleton_f1=_share(2 * both, edges[0].sum() + edges[1].sum()),
        orientation_precision=_share(right, arrows[0].sum()),
        orientation_recall=_share(right, arrows[1].sum()),
        shd=int(differs.sum()),
    )


def cpdag(dag: ArrayLike) -> np.ndarray:
    """The CPDAG of a DAG: its colliders, and what Meek's rules make of them."""
    arrows = np.asarray(dag) != 0
    joined = arrows | arrows.T
    graph: np.ndarray = joined.astype(np.int8)
    for k in range(len(arrows)):
        parents = np.flatnonzero(arrows[:, k])
        for i in parents:
            if any(j != i and not joined[i, j] for j in parents):
                graph[k, i] = 0
    meek(graph)
    return graph


def _share(part: int, whole: int) -> float:
    return float(part) / float(whole) if whole else float("nan")
