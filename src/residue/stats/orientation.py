"""From a skeleton and its colliders to a CPDAG: arrows by strength, then Meek's four rules."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

CONSERVATIVE = "conservative"

Triple = tuple[int, int, int]


class Collider(NamedTuple):
    """i → k ← j, with the log p of the set that separates i and j best."""

    strength: float
    i: int
    k: int
    j: int


def oriented(
    skeleton: np.ndarray, colliders: Iterable[Collider], ambiguous: set[Triple], tiers: np.ndarray
) -> tuple[np.ndarray, tuple[Triple, ...]]:
    """CPDAG (p, p) int8 and the colliders left out because a stronger arrow points against them.

    Tiers come first, then colliders from the most to the least certain, so that the result does not
    depend on the order of columns; equal strengths that contradict each other are both left out.
    """
    graph = skeleton.astype(np.int8)
    later = tiers[:, None] > tiers[None, :]
    graph[later & skeleton] = 0
    conflicts: list[Triple] = []
    by_strength = sorted(colliders, key=lambda c: -c.strength)
    for _, tied in itertools.groupby(by_strength, key=lambda c: c.strength):
        before = graph.copy()
        arrows: list[tuple[Triple, list[tuple[int, int]]]] = []
        for _, i, k, j in tied:
            if before[i, k] and before[j, k]:
                arrows.append(((i, k, j), [(i, k), (j, k)]))
            else:
                conflicts.append((i, k, j))
        wanted = {arrow for _, pair in arrows for arrow in pair}
        for triple, pair in arrows:
            if any((b, a) in wanted for a, b in pair):
                conflicts.append(triple)
                continue
            for a, b in pair:
                graph[b, a] = 0
    meek(graph, ambiguous)
    return graph, tuple(sorted(conflicts))


def meek(graph: np.ndarray, ambiguous: set[Triple] | frozenset[Triple] = frozenset()) -> None:
    """Orient, in place, every line whose other direction would make a new collider or a cycle.

    Meek 1995, rules 1 to 4, until nothing changes. `ambiguous` triples count as possible colliders,
    so that rule 1 does not use them.
    """
    undecided = {(i, k, j) for a, k, b in ambiguous for i, j in ((a, b), (b, a))}
    changed = True
    while changed:
        changed = False
        lines = np.argwhere((graph == 1) & (graph.T == 1))
        for a, b in lines.tolist():
            if graph[a, b] and graph[b, a] and _points(graph, a, b, undecided):
                graph[b, a] = 0
                changed = True


def _points(graph: np.ndarray, a: int, b: int, undecided: set[Triple]) -> bool:
    """Whether the line a - b must be a → b."""
    arrow = (graph == 1) & (graph.T == 0)
    line = (graph == 1) & (graph.T == 1)
    joined = (graph == 1) | (graph.T == 1)
    into_a = np.flatnonzero(arrow[:, a])
    # 1: c → a - b, c and b apart: else a new collider at a.
    if any(c != b and not joined[c, b] and (c, a, b) not in undecided for c in into_a.tolist()):
        return True
    # 2: a → c → b: else a cycle.
    if (arrow[a] & arrow[:, b]).any():
        return True
    # 3: a - c → b and a - d → b, c and d apart: else a cycle or a new collider at a.
    between = np.flatnonzero(line[a] & arrow[:, b]).tolist()
    if any(
        not joined[c, d] and (c, a, d) not in undecided
        for c, d in itertools.combinations(between, 2)
    ):
        return True
    # 4: a - d → c → b with a adjacent to c, d and b apart.
    for c in np.flatnonzero(joined[a] & arrow[:, b]).tolist():
        for d in np.flatnonzero(line[a] & arrow[:, c]).tolist():
            if d != b and not joined[d, b] and (d, a, b) not in undecided:
                return True
    return False
