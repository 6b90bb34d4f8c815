"""Which arrangements of a sample are equally likely under the null: free, pairs, strata, clusters.

What was randomised, and nothing else, may trade places. Rows of one country are alike; permuting
them one by one finds dependence where there is none.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from residue.stats import permutation_moments as exact
from residue.stats.intervals import Floats
from residue.stats.kernels import centred, codes_of
from residue.stats.permutation_moments import Moments

FEWEST = 4
"""Clusters below which their permutation law has no third moment worth fitting."""

Indices = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Singles = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
Centre = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Design:
    """The arrangements of n observations; units are observations, or clusters where these move."""

    ENUMERATED: ClassVar[int] = 50_000
    """A design with at most this many arrangements can be enumerated."""

    kind: Literal["free", "pairs", "strata", "clusters", "clusters in strata"]
    n: int
    groups: tuple[Indices, ...]
    """Units that trade places with each other."""
    blocks: tuple[Indices, ...] = ()
    """Observations of each cluster, where clusters are the units."""

    @property
    def name(self) -> str:
        """The design in words."""
        units = self.n if not self.blocks else len(self.blocks)
        return {
            "free": f"{units} observations trade places",
            "pairs": f"{len(self.groups)} pairs swap",
            "strata": f"{units} observations trade places inside {len(self.groups)} strata",
            "clusters": f"{units} clusters trade places",
            "clusters in strata": f"{units} clusters inside {len(self.groups)} strata",
        }[self.kind]

    @property
    def n_arrangements(self) -> float:
        """How many there are; infinite beyond floating point."""
        return math.prod(math.gamma(len(g) + 1) if len(g) < 171 else math.inf for g in self.groups)

    def sides(self, gram_x: Floats, gram_y: Floats, centre: Centre) -> tuple[Floats, Floats]:
        """Centred matrices whose product sum is the statistic; one line per unit where possible.

        If one sample is constant inside clusters, only sums of the other's centred matrix over
        clusters matter, and what centring would add to the constant one drops out.
        """
        if not self.blocks:
            return centre(gram_x), centre(gram_y)
        firsts = np.array([block[0] for block in self.blocks])
        if self._constant(gram_y):
            return self._summed(centre(gram_x)), centred(gram_y[np.ix_(firsts, firsts)])
        if self._constant(gram_x):
            return centred(gram_x[np.ix_(firsts, firsts)]), self._summed(centre(gram_y))
        if len({len(block) for block in self.blocks}) > 1:
            raise ValueError(
                "clusters: x and y both vary inside clusters of unequal size, so clusters cannot "
                "trade places; average inside clusters, or take equally many rows of each."
            )
        inside = np.concatenate(self.blocks)
        grid = np.ix_(inside, inside)
        return centre(gram_x)[grid], centre(gram_y)[grid]

    def closed_form(self, a: Floats, b: Floats) -> Moments | None:
        """Exact moments of the statistic over all arrangements; None where no formula is used."""
        if self.kind == "pairs":
            return exact.flips(a, b, np.stack(self.groups))
        if self.kind == "free" or (self.kind == "clusters" and len(a) == len(self.blocks)):
            return exact.free(a, b)
        return None

    def all(self) -> Iterator[Indices]:
        """Every arrangement of the units."""
        units = self.n if not self.blocks else len(self.blocks)
        for orders in itertools.product(*(itertools.permutations(g.tolist()) for g in self.groups)):
            order = np.arange(units)
            for group, moved in zip(self.groups, orders, strict=True):
                order[group] = moved
            yield order

    def draws(self, count: int, seed: int) -> Iterator[Indices]:
        """Random arrangements, uniform and independent."""
        random = np.random.default_rng(seed)
        units = self.n if not self.blocks else len(self.blocks)
        for _ in range(count):
            order = np.arange(units)
            for group in self.groups:
                order[group] = random.permutation(group)
            yield order

    def _constant(self, gram: Floats) -> bool:
        firsts = np.array([block[0] for block in self.blocks])
        label = np.empty(self.n, dtype=np.int64)
        for number, block in enumerate(self.blocks):
            label[block] = number
        return bool(np.allclose(gram, gram[np.ix_(firsts[label], firsts[label])], atol=1e-12))

    def _summed(self, side: Floats) -> Floats:
        member = np.zeros((len(self.blocks), self.n))
        for number, block in enumerate(self.blocks):
            member[number, block] = 1.0
        sums: Floats = member @ side @ member.T
        return sums


SLAB = 128
"""Rows gathered at once, so that what is gathered stays in the cache."""


def totals(a: Floats, b: Floats, orders: Iterable[Indices]) -> Floats:
    """Σ A_ij B_π(i)π(j) for each arrangement; blocks of equal size, laid out in a row, move whole.

    Only i <= j is gathered. Large matrices are gathered in single precision, where the error of a
    sum is some 1e-6 of the law's standard deviation; sums of slabs are added in double.
    """
    n = len(a)
    if n <= SLAB:
        every = (_expanded(order, n) for order in orders)
        return np.array([np.vdot(a, b[order].take(order, axis=1)) for order in every])
    half = (2.0 * np.triu(a, 1)).astype(np.float32)
    half[np.diag_indices(n)] = np.diag(a)
    slabs = [(at, half[at : at + SLAB, at:].reshape(-1)) for at in range(0, n, SLAB)]
    single = b.astype(np.float32)
    return np.array([_total(slabs, single, _expanded(order, n)) for order in orders])


def _total(slabs: Sequence[tuple[int, Singles]], b: Singles, order: Indices) -> float:
    return sum(
        float(slab @ b.take(order[at : at + SLAB], axis=0).take(order[at:], axis=1).reshape(-1))
        for at, slab in slabs
    )


def _expanded(order: Indices, n: int) -> Indices:
    size = n // len(order)
    if size == 1:
        return order
    return np.asarray((order[:, None] * size + np.arange(size)).reshape(-1))


def design_of(
    n: int,
    *,
    strata: ArrayLike | None = None,
    pairs: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
) -> Design:
    """The design that labels, one per observation, describe; `ValueError` says what contradicts."""
    if pairs is not None:
        if strata is not None or clusters is not None:
            raise ValueError("pairs excludes strata and clusters; give what was randomised.")
        groups = _members(pairs, n, "pairs")
        odd = [len(group) for group in groups if len(group) != 2]
        if odd:
            raise ValueError(f"pairs: a label stands {odd[0]} times; each must stand twice.")
        return Design("pairs", n, groups)
    if clusters is None:
        if strata is None:
            return Design("free", n, (np.arange(n),))
        return Design("strata", n, _members(strata, n, "strata"))
    blocks = _members(clusters, n, "clusters")
    if len(blocks) < FEWEST:
        raise ValueError(f"clusters: {len(blocks)} are too few to permute; {FEWEST} are needed.")
    if strata is None:
        return Design("clusters", n, (np.arange(len(blocks)),), blocks)
    labels = _codes(strata, n, "strata")
    if any(np.ptp(labels[block]) for block in blocks):
        raise ValueError("strata: a cluster lies in two strata; strata must hold whole clusters.")
    firsts = labels[[block[0] for block in blocks]]
    return Design("clusters in strata", n, _members(firsts, len(blocks), "strata"), blocks)


def _members(labels: ArrayLike, n: int, name: str) -> tuple[Indices, ...]:
    codes = _codes(labels, n, name)
    return tuple(np.flatnonzero(codes == code) for code in range(int(codes.max()) + 1))


def _codes(labels: ArrayLike, n: int, name: str) -> Indices:
    codes = codes_of(labels, name)
    if len(codes) != n:
        raise ValueError(f"{name} has {len(codes)} labels for {n} observations; give one for each.")
    return codes
