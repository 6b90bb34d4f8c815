"""The PC algorithm: which columns stay dependent whatever one conditions on, and what is upstream.

Stable, so that the order of columns plays no part (Colombo and Maathuis 2014), with conditional
independences asked for in batches. The result is a completed partially directed graph: an arrow is
in every graph that fits, a line is not decided by the data. It is descriptive; no p-value here
proves an edge; `residue.stats.edge_frequencies` says how often one survives resampling.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from residue.stats.conditional_tests import Name, Test, test_of
from residue.stats.orientation import CONSERVATIVE, Collider, oriented

Adjacency = np.ndarray[tuple[int, int], np.dtype[np.int8]]
Rule = Literal["conservative", "majority", "max_p"]
Pair = tuple[int, int]
Set = tuple[int, ...]


@dataclass(frozen=True)
class Pc:
    """A CPDAG and how it was found."""

    adjacency: Adjacency
    """(p, p) int8: a[i, j] = 1 with a[j, i] = 0 is i → j, both 1 is an undirected edge."""
    separating_sets: dict[Pair, Set]
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
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise ValueError(f"names holds '{twice}' twice; give each column a name of its own.")
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
    order = np.zeros(p) if tiers is None else _tiers(tiers, p)
    asker = _Asker(test, order.tolist())
    skeleton, separating = _skeleton(asker, p, np.log(alpha), at_once)
    colliders, ambiguous = _colliders(asker, skeleton, np.log(alpha), collider_rule)
    doubted = set() if collider_rule == "max_p" else ambiguous
    graph, conflicts = oriented(skeleton, colliders, doubted, order)
    return Pc(graph, separating, conflicts, tuple(sorted(ambiguous)), names, asker.asked)


def _tiers(tiers: Sequence[int], p: int) -> np.ndarray:
    if len(tiers) != p:
        raise ValueError(f"tiers has {len(tiers)} numbers for {p} columns; give one for each.")
    order = np.asarray(tiers)
    if order.dtype.kind not in "iuf" or not np.isfinite(order).all():
        raise ValueError(f"tiers holds {list(tiers)}; give a number for each column.")
    return order


class _Asker:
    """Asks a test in batches and counts; sets of later tiers are not conditioned on."""

    def __init__(self, test: Test, tiers: list[float]) -> None:
        self._test, self._tiers = test, tiers
        self.asked = 0

    def sets(self, near: list[list[int]], i: int, j: int, size: int) -> Iterator[Set]:
        """Sets of neighbours of i, then those of j that are not among them, one by one."""
        if not size:
            yield ()
            return
        latest = max(self._tiers[i], self._tiers[j])
        first = [k for k in near[i] if k != j and self._tiers[k] <= latest]
        second = [k for k in near[j] if k != i and self._tiers[k] <= latest]
        asked = frozenset(first)
        yield from itertools.combinations(first, size)
        yield from (s for s in itertools.combinations(second, size) if not asked.issuperset(s))

    def log_p(self, asked: list[tuple[int, int, list[Set]]], size: int) -> list[list[float]]:
        """log p for each (i, j, sets of one size), in the order of the sets."""
        lengths = [len(sets) for _, _, sets in asked]
        total = sum(lengths)
        self.asked += total
        if not total:
            return [[] for _ in asked]
        i, j = (np.repeat([pair[end] for pair in asked], lengths) for end in (0, 1))
        chain = itertools.chain.from_iterable
        members = chain(chain(sets for _, _, sets in asked))
        given = np.fromiter(members, np.int64, total * size).reshape(total, size)
        found = iter(self._test(i, j, given).tolist())
        return [list(itertools.islice(found, length)) for length in lengths]


def _near(adjacent: np.ndarray) -> list[list[int]]:
    """Neighbours of each column, rising."""
    near: list[list[int]] = [[] for _ in adjacent]
    for i, j in np.argwhere(adjacent).tolist():
        near[i].append(j)
    return near


def _skeleton(
    asker: _Asker, p: int, threshold: float, at_once: int
) -> tuple[np.ndarray, dict[Pair, Set]]:
    """Edges that no set of neighbours separates; neighbours as they were before each size.

    Sets of an edge are made and asked for in growing waves: most edges fall early, the true ones
    need all.
    """
    adjacent = ~np.eye(p, dtype=bool)
    separating: dict[Pair, Set] = {}
    for size in range(p):
        near = _near(adjacent)
        if max(map(len, near)) <= size > 0:
            break
        edges = np.argwhere(np.triu(adjacent)).tolist()
        waiting = [(i, j, asker.sets(near, i, j, size)) for i, j in edges]
        wave = at_once
        while waiting:
            asked = [(i, j, list(itertools.islice(sets, wave))) for i, j, sets in waiting]
            found = asker.log_p(asked, size)
            left = []
            for edge, (i, j, sets), log_p in zip(waiting, asked, found, strict=True):
                apart = [s for s, each in zip(sets, log_p, strict=True) if each > threshold]
                if apart:
                    separating[i, j] = apart[0]
                    adjacent[i, j] = adjacent[j, i] = False
                elif len(sets) == wave:
                    left.append(edge)
            waiting, wave = left, wave * 8
    return adjacent, separating


def _colliders(
    asker: _Asker, adjacent: np.ndarray, threshold: float, rule: Rule
) -> tuple[list[Collider], set[tuple[int, int, int]]]:
    """Colliders with the evidence for them, and triples that the rule leaves undecided."""
    near = _near(adjacent)
    shared = (adjacent.astype(np.int64) @ adjacent) > 0
    pairs: list[list[int]] = np.argwhere(np.triu(shared & ~adjacent, 1)).tolist()
    evidence: list[list[tuple[Set, float]]] = [[] for _ in pairs]
    for size in range(max(map(len, near), default=0) + 1):
        asked = [(i, j, list(asker.sets(near, i, j, size))) for i, j in pairs]
        found = asker.log_p(asked, size)
        for held, (_, _, sets), log_p in zip(evidence, asked, found, strict=True):
            held.extend(zip(sets, log_p, strict=True))
    colliders: list[Collider] = []
    ambiguous: set[tuple[int, int, int]] = set()
    for (i, j), held in zip(pairs, evidence, strict=True):
        strength = max(log_p for _, log_p in held)
        for k in np.flatnonzero(adjacent[i] & adjacent[j]).tolist():
            verdict = _verdict([(log_p, k in each) for each, log_p in held], threshold, rule)
            if verdict is None:
                ambiguous.add((i, k, j))
            elif verdict:
                colliders.append(Collider(strength, i, k, j))
    return colliders, ambiguous


def _verdict(found: list[tuple[float, bool]], threshold: float, rule: Rule) -> bool | None:
    """Whether the middle of a triple is a collider; None where the rule does not say.

    found: log p of each set, and whether it holds the middle.
    """
    if rule == "max_p":
        inside = max((log_p for log_p, holds in found if holds), default=-np.inf)
        outside = max((log_p for log_p, holds in found if not holds), default=-np.inf)
        # Sets on both sides separate: the larger p is then a matter of noise, and a collider that
        # is not there misleads Meek's rules more than one that is left out.
        return None if min(inside, outside) > threshold else outside > inside
    separating = [holds for log_p, holds in found if log_p > threshold]
    if not separating:
        return None
    share = sum(separating) / len(separating)
    if rule == CONSERVATIVE:
        return None if 0.0 < share < 1.0 else share == 0.0
    return None if share == 0.5 else share < 0.5
