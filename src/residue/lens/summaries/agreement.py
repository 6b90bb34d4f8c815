"""Do two lenses read the same words? Overlap and order of their most likely tokens, row by row.

jaccard@k = |A ∩ B| / |A ∪ B| of the k most likely ids; spearman = Pearson correlation of ranks
over A ∪ B, an id absent from a list having rank k+1 there. 1 for equal lists, NaN where the ranks
of one list do not vary. Source: lens.md 1.11.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from residue.lens.summaries.trajectories import RUN

MATCH = (*RUN, "item", "row")


def jaccard(first: Sequence[int], second: Sequence[int], k: int) -> float:
    """Overlap of the k most likely ids of each; NaN where both lists are empty."""
    ours, theirs = set(first[:k]), set(second[:k])
    union = ours | theirs
    return len(ours & theirs) / len(union) if union else float("nan")


def spearman(first: Sequence[int], second: Sequence[int], k: int) -> float:
    """Rank correlation over the union of the k most likely ids of each."""
    ours = {token: rank for rank, token in enumerate(first[:k], start=1)}
    theirs = {token: rank for rank, token in enumerate(second[:k], start=1)}
    union = sorted(ours.keys() | theirs.keys())
    if ours == theirs and len(union) > 1:
        return 1.0
    a = _ranks(np.array([ours.get(token, k + 1) for token in union]))
    b = _ranks(np.array([theirs.get(token, k + 1) for token in union]))
    if len(union) < 2 or a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def compare_tops(
    first: pd.DataFrame, second: pd.DataFrame, ks: Sequence[int] = (10, 50)
) -> pd.DataFrame:
    """Line by line: `jaccard_k` for each k, `spearman_k` for the largest, `top1_agree`, ranks.

    first, second: lens tables with `MATCH`, `topk_ids` and `answer_rank`; lines of one alone are
    left out. A list shorter than k is taken whole, and k in the name is the one asked for.
    """
    most = max(ks)
    wanted = [*MATCH, "topk_ids", "answer_rank"]
    both = first[wanted].merge(second[wanted], on=list(MATCH), suffixes=("_first", "_second"))
    tops = [
        (list(a), list(b))
        for a, b in zip(both.pop("topk_ids_first"), both.pop("topk_ids_second"), strict=True)
    ]
    for k in ks:
        both[f"jaccard_{k}"] = [jaccard(a, b, k) for a, b in tops]
    both[f"spearman_{most}"] = [spearman(a, b, min(most, len(a), len(b))) for a, b in tops]
    both["top1_agree"] = [float(a[:1] == b[:1]) for a, b in tops]
    return both


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, the mean rank for ties."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2.0)[inverse]
