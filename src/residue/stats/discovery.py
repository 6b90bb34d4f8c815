"""The PC algorithm: which columns stay dependent whatever one conditions on, and what is upstream.

Stable, so that the order of columns plays no part (Colombo and Maathuis 2014), with conditional
independences asked for in batches. The result is a completed partially directed graph: an arrow is
in every graph that fits, a line is not decided by the data. It is descriptive; no p-value here
proves an edge, and `edge_frequencies` says how often one survives resampling.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from residue.stats.conditional_tests import Indices, Name, Test, test_of
from residue.stats.orientation import CONSERVATIVE, Collider, oriented

Adjacency = np.ndarray[tuple[int, int], np.dtype[np.int8]]
Rule = Literal["conservative", "majority", "max_p"]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Pc:
    """A CPDAG and how it was found."""

    adjacency: Adjacency
    """(p, p) int8: a[i, j] = 1 with a[j, i] = 0 is i → j, both 1 is an undirected edge."""
    separating_sets: dict[Pair, tuple[int, ...]]
    """(i, j), i < j, of each absent edge -> the first set found to separate them."""
    conflicts: tuple[tuple[int, int, int], ...]
    """Colliders (i, k, j) that would turn an arrow of a stronger one round; left out."""
    ambiguous: tuple[tuple[int, int, int], ...]
    """Unshielded triples (i, k, j) that the rule could not decide; max_p takes k for no collider,
    the other rules orient nothing by them."""
    names: tuple[str, ...]
    n_tests: int


def pc(
    data: ArrayLike,
    *,
    test: Name = "fisher_z",
    alpha: float = 0.05,
    collider_rule: Rule = "max_p",
    names: Sequence[str] | None = None,
    tiers: Sequence[int] | None = None,
) -> Pc:
    """PC-stable on the columns of an (n, p) table.

    test: ``fisher_z`` (linear, Gaussian), ``chi2`` or ``g2`` (discrete, any labels), ``kci``.
    alpha: an edge goes when some set separates its ends with p > alpha. collider_rule: i → k ← j
    when no (``conservative``), less than half (``majority``) of the separating sets of i and j, or
    not the one of largest p (``max_p``, Ramsey 2016; a triple with separating sets of both kinds is
    left alone), holds k. tiers: a number per column; nothing
    points, and nothing is conditioned on, from a later tier. Raises `ValueError` on NaN, constant
    or collinear columns, too few rows.
    """
    table = np.asarray(data)
    if table.ndim != 2:
        raise ValueError(f"data has shape {table.shape}; give (n, p), a column per variable.")
    labels = (
        tuple(names) if names is not None else tuple(f"X{k + 1}" for k in range(table.shape[1]))
    )
    if len(labels) != table.shape[1]:
        raise ValueError(f"names has {len(labels)} entries for {table.shape[1]} columns.")
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha is {alpha}; choose between 0 and 1.")
    asked = test_of(table, test, list(labels))
    at_once = 16 if test == "fisher_z" else 1
    return search(
        asked, labels, alpha=alpha, collider_rule=collider_rule, tiers=tiers, at_once=at_once
    )


def search(
    test: Test,
    names: tuple[str, ...],
    *,
    alpha: float,
    collider_rule: Rule = "max_p",
    tiers: Sequence[int] | None = None,
    at_once: int = 1,
) -> Pc:
    """PC with any test; with one that knows d-separation the graph's class is found exactly.

    at_once: sets per edge in the first wave; more where a test of many costs little.
    """
    if collider_rule not in ("conservative", "majority", "max_p"):
        raise ValueError(
            f"collider_rule '{collider_rule}' is unknown; there are: conservative, majority, max_p."
        )
    p = len(names)
    if tiers is not None and len(tiers) != p:
        raise ValueError(f"tiers has {len(tiers)} numbers for {p} columns; give one for each.")
    order = np.zeros(p, dtype=np.int64) if tiers is None else np.asarray(tiers)
    asker = _Asker(test, order)
    skeleton, separating = _skeleton(asker, p, np.log(alpha), at_once)
    colliders, ambiguous = _colliders(asker, skeleton, np.log(alpha), collider_rule)
    doubted = set() if collider_rule == "max_p" else ambiguous
    graph, conflicts = oriented(skeleton, colliders, doubted, order)
    return Pc(graph, separating, conflicts, tuple(sorted(ambiguous)), names, asker.asked)


class _Asker:
    """Asks a test in batches and counts; sets of later tiers are not conditioned on."""

    def __init__(self, test: Test, tiers: np.ndarray) -> None:
        self._test, self._tiers = test, tiers
        self.asked = 0

    def sets(self, adjacent: np.ndarray, i: int, j: int, size: int) -> Indices:
        """Sets of neighbours of i, then those of j that are not among them, (m, size)."""
        latest = max(self._tiers[i], self._tiers[j])
        usable = self._tiers <= latest
        usable[[i, j]] = False
        near_i, near_j = (np.flatnonzero(adjacent[end] & usable) for end in (i, j))
        first = near_i[_combinations(len(near_i), size)]
        second = near_j[_combinations(len(near_j), size)]
        fresh = ~adjacent[i][second].all(axis=1)
        return np.concatenate([first, second[fresh]])

    def log_p(self, asked: list[tuple[int, int, Indices]]) -> list[np.ndarray]:
        """log p for each (i, j, sets of one size), in the order of the sets."""
        lengths = [len(sets) for _, _, sets in asked]
        self.asked += sum(lengths)
        if not sum(lengths):
            return [np.empty(0) for _ in asked]
        i, j = (np.repeat([pair[end] for pair in asked], lengths) for end in (0, 1))
        found = self._test(i, j, np.concatenate([sets for _, _, sets in asked]))
        return np.split(found, np.cumsum(lengths)[:-1])


@cache
def _combinations(n: int, size: int) -> Indices:
    """All choices of `size` out of n places, (n over size, size), in lexicographic order."""
    chosen = list(itertools.combinations(range(n), size))
    return np.array(chosen, dtype=np.int64).reshape(len(chosen), size)


def _skeleton(
    asker: _Asker, p: int, threshold: float, at_once: int
) -> tuple[np.ndarray, dict[Pair, tuple[int, ...]]]:
    """Edges that no set of neighbours separates; neighbours as they were before each size.

    Sets of an edge are asked for in growing waves: most edges fall early, the true ones need all.
    """
    adjacent = ~np.eye(p, dtype=bool)
    separating: dict[Pair, tuple[int, ...]] = {}
    size = 0
    while size == 0 or adjacent.sum(axis=1).max(initial=0) > size:
        before = adjacent.copy()
        edges = np.argwhere(np.triu(before)).tolist()
        waiting = [(i, j, asker.sets(before, i, j, size)) for i, j in edges]
        wave = at_once
        while waiting:
            asked = [(i, j, sets[:wave]) for i, j, sets in waiting]
            found = asker.log_p(asked)
            left = []
            for (i, j, sets), log_p in zip(waiting, found, strict=True):
                apart = np.flatnonzero(log_p > threshold)
                if apart.size:
                    separating[i, j] = tuple(sets[apart[0]].tolist())
                    adjacent[i, j] = adjacent[j, i] = False
                elif len(sets) > wave:
                    left.append((i, j, sets[wave:]))
            waiting, wave = left, wave * 8
        size += 1
    return adjacent, separating


def _colliders(
    asker: _Asker, adjacent: np.ndarray, threshold: float, rule: Rule
) -> tuple[list[Collider], set[tuple[int, int, int]]]:
    """Colliders with the evidence for them, and triples that the rule leaves undecided."""
    shared = (adjacent.astype(np.int64) @ adjacent) > 0
    pairs = np.argwhere(np.triu(shared & ~adjacent, 1)).tolist()
    evidence: dict[Pair, list[tuple[Indices, np.ndarray]]] = {(i, j): [] for i, j in pairs}
    for size in range(int(adjacent.sum(axis=1).max(initial=0)) + 1):
        asked = [(i, j, asker.sets(adjacent, i, j, size)) for i, j in pairs]
        for (i, j, sets), log_p in zip(asked, asker.log_p(asked), strict=True):
            evidence[i, j].append((sets, log_p))
    colliders: list[Collider] = []
    ambiguous: set[tuple[int, int, int]] = set()
    for (i, j), found in evidence.items():
        log_p = np.concatenate([each for _, each in found])
        for k in np.flatnonzero(adjacent[i] & adjacent[j]).tolist():
            holds = np.concatenate([(sets == k).any(axis=1) for sets, _ in found])
            verdict = _verdict(log_p, holds, threshold, rule)
            if verdict is None:
                ambiguous.add((i, k, j))
            elif verdict:
                colliders.append(Collider(float(log_p.max()), i, k, j))
    return colliders, ambiguous


def _verdict(log_p: np.ndarray, holds: np.ndarray, threshold: float, rule: Rule) -> bool | None:
    """Whether the middle of a triple is a collider; None where the rule does not say."""
    if rule == "max_p":
        inside = float(log_p[holds].max(initial=-np.inf))
        outside = float(log_p[~holds].max(initial=-np.inf))
        # Sets on both sides separate: the larger p is then a matter of noise, and a collider that
        # is not there misleads Meek's rules more than one that is left out.
        return None if min(inside, outside) > threshold else outside > inside
    separating = log_p > threshold
    if not separating.any():
        return None
    share = float(holds[separating].mean())
    if rule == CONSERVATIVE:
        return None if 0.0 < share < 1.0 else share == 0.0
    return None if share == 0.5 else share < 0.5


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
) -> np.ndarray:
    """Share of bootstrap samples with i → j, (p, p); an undirected edge counts in both directions.

    clusters: a label per row; whole clusters are drawn. Samples in which a column is constant are
    drawn again, at most ten times as many as asked for.
    """
    table = np.asarray(data)
    labels = np.arange(len(table)) if clusters is None else np.asarray(clusters)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    random = np.random.default_rng(seed)
    total = np.zeros((table.shape[1],) * 2)
    kept = 0
    for _ in range(10 * n_bootstrap):
        drawn = random.integers(len(members), size=len(members))
        sample = table[np.concatenate([members[k] for k in drawn])]
        if any((column == column[0]).all() for column in sample.T):
            continue
        total += pc(
            sample, test=test, alpha=alpha, collider_rule=collider_rule, tiers=tiers
        ).adjacency
        kept += 1
        if kept == n_bootstrap:
            return total / kept
    raise ValueError(
        "most bootstrap samples hold a constant column; give more rows or drop the rare column."
    )
