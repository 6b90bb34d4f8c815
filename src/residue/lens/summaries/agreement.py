"""Do two lenses read the same words? Overlap and order of their most likely tokens, row by row.

jaccard@k = |A ∩ B| / |A ∪ B| of the k most likely ids; spearman = Pearson correlation of ranks
over A ∪ B, an id absent from a list being tied behind it. 1 for equal lists, NaN where the ranks
of one list do not vary. After logos-in-layers (2025).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from residue.lens.summaries.trajectories import RUN, Floats, Ints

MATCH = (*RUN, "item", "row")
LINES = 1 << 12
"""Lines that are compared at once."""


def jaccard(first: Ints, second: Ints) -> Floats:
    """Overlap of two lists of distinct ids per line, (lines, k) each."""
    shared = (first[:, :, None] == second[:, None, :]).sum(axis=(1, 2))
    overlap: Floats = shared / (2 * first.shape[1] - shared)
    return overlap


def spearman(first: Ints, second: Ints) -> Floats:
    """Rank correlation over the union of two lists of distinct ids per line, (lines, k) each.

    With t ids in one list alone, the union has k + t, their mean rank is μ = (k + t + 1)/2, and
    the t that a list lacks share its rank r = k + (t + 1)/2. So both variances are
    Σ(i − μ)² + t (r − μ)², and the covariance splits into shared ids and those of one list.
    """
    k = first.shape[1]
    same = first[:, :, None] == second[:, None, :]
    in_first, in_second = same.any(axis=2), same.any(axis=1)
    t = k - in_first.sum(axis=1)
    places = np.arange(1, k + 1, dtype=np.float64)
    off = places - (k + t[:, None] + 1) / 2.0
    behind = k + (t + 1) / 2.0 - (k + t + 1) / 2.0
    variance = (off**2).sum(axis=1) + t * behind**2
    shared = np.einsum("li,lij,lj->l", off, same.astype(np.float64), off)
    alone = (off * ~in_first).sum(axis=1) + (off * ~in_second).sum(axis=1)
    result = np.full(len(first), np.nan)
    np.divide(shared + behind * alone, variance, out=result, where=variance > 0)
    return result


def compare_tops(
    first: pd.DataFrame, second: pd.DataFrame, ks: Sequence[int] = (10, 50)
) -> pd.DataFrame:
    """Line by line: `jaccard_k` for each k, `spearman_k` for the largest, `top1_agree`, ranks.

    first, second: lens tables with `MATCH`, `topk_ids` and `answer_rank`; lines of one alone are
    left out. Where fewer than k tokens were recorded, `jaccard_k` is NaN; the rank correlation is
    over as many as there are. All is NaN where a list is empty.
    """
    most = max(ks)
    wanted = [*MATCH, "topk_ids", "answer_rank"]
    both = first[wanted].merge(second[wanted], on=list(MATCH), suffixes=("_first", "_second"))
    ours, theirs = both.pop("topk_ids_first"), both.pop("topk_ids_second")
    lengths = np.array(
        [min(len(a), len(b), most) for a, b in zip(ours, theirs, strict=True)], dtype=np.int64
    )
    names = [*(f"jaccard_{k}" for k in ks), f"spearman_{most}", "top1_agree"]
    values = {name: np.full(len(both), np.nan) for name in names}
    for lines in _parts(lengths):
        k = int(lengths[lines[0]])
        a = np.array([ours.iloc[line][:k] for line in lines], dtype=np.int64)
        b = np.array([theirs.iloc[line][:k] for line in lines], dtype=np.int64)
        for asked in (each for each in ks if each <= k):
            values[f"jaccard_{asked}"][lines] = jaccard(a[:, :asked], b[:, :asked])
        values[f"spearman_{most}"][lines] = spearman(a, b)
        values["top1_agree"][lines] = a[:, 0] == b[:, 0]
    return both.assign(**values)


def _parts(lengths: npt.NDArray[np.integer]) -> list[Ints]:
    """Lines of equal, positive length, some at a time."""
    parts: list[Ints] = []
    for length in np.unique(lengths[lengths > 0]):
        lines = np.flatnonzero(lengths == length)
        parts += [lines[at : at + LINES] for at in range(0, lines.size, LINES)]
    return parts
