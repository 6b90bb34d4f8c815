"""Conditional-independence tests of table columns, many at once: Fisher z, χ², G², KCI.

A test takes triples (i, j, S) that share the size of S and gives log p-values, so that a search can
ask for thousands at a time and still order those that underflow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from scipy import stats as laws

from residue.stats.intervals import Floats
from residue.stats.kci import kci_test
from residue.stats.kernels import as_sample, codes_of

Indices = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Test = Callable[[Indices, Indices, Indices], Floats]
"""(i, j, S) of shapes (m,), (m,), (m, size) -> log p, (m,)."""
Name = Literal["fisher_z", "chi2", "g2", "kci"]

AT_ONCE = 4096
"""Blocks reduced at once; memory, not meaning."""
FEWEST = 5
"""Rows below which no test of this file says anything."""
DEPENDENT = 1e-10
"""Variance left of a standardised column given others below which they determine it."""


def test_of(data: ArrayLike, name: Name, names: list[str]) -> Test:
    """The named test of the columns of an (n, p) table; `ValueError` names an unusable column."""
    if name not in ("fisher_z", "chi2", "g2", "kci"):
        raise ValueError(f"test '{name}' is unknown; there are: fisher_z, chi2, g2, kci.")
    n = len(np.asarray(data))
    if n < FEWEST:
        raise ValueError(f"{n} rows are too few for any test; at least {FEWEST} are needed.")
    if name in ("chi2", "g2"):
        return contingency(np.asarray(data), names, likelihood=name == "g2")
    table = as_sample(data, "data")
    constant = np.flatnonzero(np.ptp(table, axis=0) == 0.0)
    if constant.size:
        raise ValueError(f"column '{names[constant[0]]}' is constant; drop it.")
    return fisher_z(table, names) if name == "fisher_z" else kci(table)


def fisher_z(data: Floats, names: list[str]) -> Test:
    """Partial correlation r by elimination in correlation blocks; √(n-|S|-3) atanh r is normal."""
    n, p = data.shape
    correlation = np.corrcoef(data, rowvar=False).reshape(p, p)
    _check_rank(correlation, n, names)

    def test(i: Indices, j: Indices, given: Indices) -> Floats:
        size = given.shape[1]
        if n - size - 3 <= 0:
            raise ValueError(f"{n} rows are too few to condition on {size} columns; give more.")
        if size < 2:
            column = given[:, 0] if size else None
            return _log_p(_first_order(correlation, i, j, column), n - size - 3)
        r = np.empty(len(i))
        for at in range(0, len(i), AT_ONCE):
            part = slice(at, at + AT_ONCE)
            index = np.concatenate([i[None, part], j[None, part], given[part].T])
            r[part] = _partial(correlation[index[:, None], index[None]])
        return _log_p(r, n - size - 3)

    return test


def _check_rank(correlation: Floats, n: int, names: list[str]) -> None:
    """`ValueError` naming columns of which one is a sum of the others.

    With no more rows than columns every table is of low rank, and only pairs are looked at.
    """
    for i, j in np.argwhere(np.triu(np.abs(correlation), 1) > 1.0 - 1e-12)[:1]:
        raise ValueError(f"columns '{names[i]}' and '{names[j]}' are collinear; drop one.")
    if n <= len(names):
        return
    values, vectors = np.linalg.eigh(correlation)
    if values[0] < DEPENDENT * len(names):
        share = np.abs(vectors[:, 0]) / np.abs(vectors[:, 0]).max()
        which = ", ".join(f"'{names[k]}'" for k in np.flatnonzero(share > 1e-3))
        raise ValueError(f"columns {which} are collinear together; drop one of them.")


def _log_p(r: Floats, free: int) -> Floats:
    z = np.sqrt(free) * np.arctanh(np.minimum(np.abs(r), 1.0 - 1e-15))
    log_p: Floats = np.minimum(np.log(2.0) + special.log_ndtr(-z), 0.0)
    return log_p


def _first_order(r: Floats, i: Indices, j: Indices, k: Indices | None) -> Floats:
    """r_ij, or r_ij.k = (r_ij - r_ik r_jk) / √((1 - r_ik²)(1 - r_jk²))."""
    if k is None:
        return np.asarray(r[i, j])
    a, b = r[i, k], r[j, k]
    return np.asarray((r[i, j] - a * b) / np.sqrt((1.0 - a * a) * (1.0 - b * b)))


def _partial(blocks: Floats) -> Floats:
    """Correlation of the first two given the rest, (m,), from correlation blocks (k, k, m).

    The rest is eliminated column by column, without pivots: the blocks are positive definite. A
    column that those after it determine adds nothing and is passed over; if they determine one of
    the first two, nothing of it is left to correlate, and r is 0.
    """
    for last in range(len(blocks) - 1, 1, -1):
        pivot, column = blocks[last, last], blocks[last, :last]
        scaled = column / np.where(pivot > DEPENDENT, pivot, np.inf)
        blocks = blocks[:last, :last] - scaled[:, None] * column
    left = np.minimum(blocks[0, 0], blocks[1, 1]) > DEPENDENT
    scale = np.sqrt(np.where(left, blocks[0, 0] * blocks[1, 1], np.inf))
    return np.asarray(blocks[0, 1] / scale)


def contingency(data: np.ndarray, names: list[str], *, likelihood: bool) -> Test:
    """Pearson's χ² (or G²) summed over the strata of S.

    Degrees of freedom: (r-1)(c-1) with only the levels that a stratum holds, summed over strata
    (Agresti 2013, 3.2); without any the p-value is 1.
    """
    codes = np.stack(
        [codes_of(column, f"column '{name}'") for column, name in zip(data.T, names, strict=True)]
    )
    levels = codes.max(axis=1) + 1
    for place in np.flatnonzero(levels == 1):
        raise ValueError(f"column '{names[place]}' is constant; drop it.")
    for place in np.flatnonzero(levels == len(data)):
        raise ValueError(
            f"column '{names[place]}' has another label in each of the {len(data)} rows, so a "
            "table of counts says nothing; bin it, or use fisher_z."
        )

    def one(i: int, j: int, given: Indices) -> float:
        stratum = np.zeros(codes.shape[1], dtype=np.int64)
        for column in given:
            stratum = np.unique(stratum * levels[column] + codes[column], return_inverse=True)[1]
        shape = (int(stratum.max()) + 1, int(levels[i]), int(levels[j]))
        flat = np.ravel_multi_index((stratum, codes[i], codes[j]), shape)
        counts = np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape).astype(float)
        rows, columns = counts.sum(axis=2), counts.sum(axis=1)
        expected = rows[:, :, None] * columns[:, None, :] / counts.sum(axis=(1, 2))[:, None, None]
        free = (((rows > 0).sum(axis=1) - 1) * ((columns > 0).sum(axis=1) - 1)).sum()
        if not free:
            return 0.0
        held = expected > 0.0
        if likelihood:
            seen = counts > 0.0
            statistic = 2.0 * float((counts[seen] * np.log(counts[seen] / expected[seen])).sum())
        else:
            statistic = float(((counts - expected)[held] ** 2 / expected[held]).sum())
        return float(laws.chi2.logsf(statistic, free))

    def test(i: Indices, j: Indices, given: Indices) -> Floats:
        triples = zip(i.tolist(), j.tolist(), given, strict=True)
        return np.array([one(a, b, s) for a, b, s in triples], dtype=np.float64)

    return test


def kci(data: Floats) -> Test:
    """Kernel tests, one by one; median widths."""

    def test(i: Indices, j: Indices, given: Indices) -> Floats:
        found = [
            kci_test(data[:, a], data[:, b], data[:, s] if len(s) else None).p_value
            for a, b, s in zip(i.tolist(), j.tolist(), given, strict=True)
        ]
        return np.log(np.maximum(found, 1e-300))

    return test
