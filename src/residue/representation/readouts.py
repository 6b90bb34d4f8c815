"""Whether a row still tells a country's answer from others: a readout learnt on other countries.

A ridge map takes rows to the direction of the answer's first token in the base's unembedding. It is
fitted on facts that every model keeps and asked of others, so it cannot learn a country by heart.
An item's AUROC is the share of foils (first tokens of the other asked countries' answers to the
same question) that score below its own, ties half; ½ is guessing. The unit of every permutation is
the country: several wordings and languages of one country are one observation, and permuting items
would find knowledge in models that never had any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from residue.stats.intervals import Floats
from residue.stats.joint_tests import hsic_max_test

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 6
"""Clusters below which nothing is tested."""
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Facts:
    """Items with the question they ask and the direction of their answer, in one order."""

    items: tuple[str, ...]
    clusters: NDArray[np.str_]
    cells: NDArray[np.str_]
    """The question without its country, e.g. ``capital/en``: foils come from the same cell."""
    tokens: Integers
    """First token of the answer."""
    directions: Floats
    """(items, width): that token's row of the base's unembedding."""

    def take(self, chosen: NDArray[np.bool_]) -> Facts:
        """The items where `chosen` is true."""
        names = tuple(item for item, keep in zip(self.items, chosen, strict=True) if keep)
        return Facts(
            names,
            self.clusters[chosen],
            self.cells[chosen],
            self.tokens[chosen],
            self.directions[chosen],
        )


@dataclass(frozen=True)
class Readout:
    """What a readout says of the asked items at one row."""

    said: Floats
    """(items, width): predicted directions, centred inside cells."""
    auc: Floats
    """(items,): share of foils that score below the item's own answer."""
    swapped: Floats
    """(clusters, clusters): the same, were the row's country c and the answers those of c'; the
    diagonal is the mean AUROC of a country. NaN where they share no cell."""


def facts_of(
    items: pd.DataFrame, tokens: pd.DataFrame, unembedding: NDArray[np.float32], cell: Sequence[str]
) -> Facts:
    """Plain items with a recorded answer. items: a deck; tokens: TOKENS records of the base; cell:
    item columns that say what is asked."""
    answers = tokens[(tokens["part"] == "answer") & (tokens["position"] == 0)]
    first = answers.set_index("item")["id"]
    plain = items[(items["style"] == "plain") & items["item"].isin(first.index)]
    ids = first.loc[plain["item"]].to_numpy(np.int64)
    cells = plain[list(cell)].astype(str).agg("/".join, axis=1)
    return Facts(
        tuple(plain["item"]),
        plain["country"].to_numpy(str),
        cells.to_numpy(str),
        ids,
        unembedding[ids].astype(np.float64),
    )


def read_out(
    rows: Floats,
    facts: Facts,
    fit: NDArray[np.bool_],
    ask: NDArray[np.bool_],
    *,
    penalty: float,
    planted: float = 0.0,
) -> Readout:
    """Fit on the items of `fit`, ask those of `ask`; masks must not share a cluster.

    rows: (items, width), in the order of `facts`. Rows are put in units of the fitted ones' spread,
    rows and directions centred inside cells, so that neither the question nor the language is an
    answer. planted: this share of the prediction's spread is added to it along the right answer.
    ValueError where clusters are shared, or fewer than `FEWEST` are left on a side.
    """
    _check(facts, fit, ask)
    mean, spread = rows[fit].mean(axis=0), rows[fit].std(axis=0)
    scaled = (rows - mean) / np.where(spread > 0.0, spread, 1.0)
    known = facts.take(fit)
    x = _centred(scaled[fit], known.cells)
    y = _centred(known.directions, known.cells)
    ridge = penalty * len(x) * np.eye(x.shape[1])
    weights = np.linalg.solve(x.T @ x + ridge, x.T @ y)
    asked = facts.take(ask)
    said = _centred(scaled[ask], asked.cells) @ weights
    if planted:
        own = _centred(asked.directions, asked.cells)
        own /= np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-12)
        said = said + planted * np.linalg.norm(said, axis=1).mean() * own
    return _scored(said, asked)


def _scored(said: Floats, asked: Facts) -> Readout:
    names, place = np.unique(asked.clusters, return_inverse=True)
    auc = np.full(len(said), np.nan)
    total = np.zeros((len(names), len(names)))
    count = np.zeros_like(total)
    for cell in dict.fromkeys(asked.cells.tolist()):
        here = np.flatnonzero(asked.cells == cell)
        ids, first = np.unique(asked.tokens[here], return_index=True)
        if len(ids) < 2:
            continue
        candidates = asked.directions[here][first]
        candidates = candidates - candidates.mean(axis=0)
        scores = (
            said[here]
            @ (candidates / np.maximum(np.linalg.norm(candidates, axis=1, keepdims=True), 1e-12)).T
        )
        below = (scores[:, None, :] < scores[:, :, None]).sum(axis=2)
        ties = (scores[:, None, :] == scores[:, :, None]).sum(axis=2) - 1
        share = (below + 0.5 * ties) / (len(ids) - 1)
        auc[here] = share[np.arange(len(here)), np.searchsorted(ids, asked.tokens[here])]
        # Each country's answer in this cell; a country asked in several wordings has one.
        owners, lines = np.unique(place[here], return_index=True)
        column = np.searchsorted(ids, asked.tokens[here][lines])
        for line, owner in enumerate(place[here]):
            total[owner, owners] += share[line, column]
            count[owner, owners] += 1.0
    swapped = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return Readout(said, auc, swapped)


@dataclass(frozen=True)
class Swaps:
    """AUROC when whole countries trade their answers."""

    observed: float
    mean: float
    low: float
    high: float
    """95 % of arrangements lie between `low` and `high`."""
    p_value: float


def swaps(readout: Readout, *, permutations: int, seed: int) -> Swaps:
    """The shuffled-answer control: mean AUROC over countries, beside those of dealt answers.

    Exact where nothing tells countries apart: (1 + k) / (permutations + 1), two-sided around ½.
    """
    table = readout.swapped
    whole = np.isfinite(np.diag(table))
    table = np.where(np.isfinite(table), table, 0.5)[np.ix_(whole, whole)]
    rng = np.random.default_rng(seed)
    lines = np.arange(len(table))
    dealt = np.array([table[lines, rng.permutation(lines)].mean() for _ in range(permutations)])
    observed = float(np.diag(table).mean())
    reached = int((np.abs(dealt - 0.5) >= abs(observed - 0.5) - 1e-12).sum())
    low, high = np.quantile(dealt, [0.025, 0.975])
    p = (1 + reached) / (permutations + 1)
    return Swaps(observed, float(dealt.mean()), float(low), float(high), p)


@dataclass(frozen=True)
class Dependence:
    """HSIC of what is read out with the answers, row by row."""

    statistics: Floats
    p_values: Floats
    adjusted: Floats
    """Single-step max-T over the rows."""
    n_items: int
    n_clusters: int


def dependence(said: Sequence[Floats], asked: Facts, *, permutations: int, seed: int) -> Dependence:
    """Test readouts of all rows against the answers; whole countries trade places, one permutation
    for every row.

    A cell of a country is the mean over its wordings. Countries that lack a cell are left out; if
    fewer than `FEWEST` have all, each country is the mean of its cells.
    """
    names, country = np.unique(asked.clusters, return_inverse=True)
    cells, cell = np.unique(asked.cells, return_inverse=True)
    count = np.zeros((len(names), len(cells)))
    np.add.at(count, (country, cell), 1.0)
    complete = (count > 0).all(axis=1)
    answers = _centred(asked.directions, asked.cells)

    def mean_of(values: Floats) -> Floats:
        sums = np.zeros((len(names), len(cells), values.shape[1]))
        np.add.at(sums, (country, cell), values)
        if complete.sum() >= FEWEST:
            means = sums[complete] / count[complete][:, :, None]
            return np.asarray(means.reshape(-1, values.shape[1]))
        return np.asarray(sums.sum(axis=1) / count.sum(axis=1)[:, None])

    balanced = complete.sum() >= FEWEST
    units = int(complete.sum()) if balanced else len(names)
    clusters = np.repeat(np.arange(units), len(cells)) if balanced and len(cells) > 1 else None
    found = hsic_max_test(
        [mean_of(each) for each in said],
        mean_of(answers),
        clusters=clusters,
        n_permutations=permutations,
        seed=seed,
    )
    n_items = int(count[complete].sum() if balanced else count.sum())
    return Dependence(found.statistics, found.p_values, found.adjusted, n_items, units)


def _centred(values: Floats, cells: NDArray[np.str_]) -> Floats:
    made = np.array(values, dtype=np.float64)
    for cell in np.unique(cells):
        made[cells == cell] -= made[cells == cell].mean(axis=0)
    return made


def _check(facts: Facts, fit: NDArray[np.bool_], ask: NDArray[np.bool_]) -> None:
    shared = set(facts.clusters[fit]) & set(facts.clusters[ask])
    if shared:
        raise ValueError(
            f"cluster '{min(shared)}' is both fitted and asked; a readout must not have seen it."
        )
    for word, mask in (("fit", fit), ("ask", ask)):
        n = len(set(facts.clusters[mask]))
        if n < FEWEST:
            raise ValueError(f"{n} clusters to {word} are too few; at least {FEWEST} are needed.")


Rows = Callable[[int], Floats]
"""Row number → vectors in the order of `Facts`."""
