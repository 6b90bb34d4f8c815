"""Does it matter which norm decodes a row? The next block's norm against other norms.

Agreement is equality of (rank = 1) in both readings, not that both have rank 1; the last row, of
which only the final norm is a reading, is no target; the final norm at every row, which is the
classical logit lens, is one of the strategies. Consistent: (rank = 1) agrees at every target and
Jaccard@10 ≥ .5 at the preferred one. After logos-in-layers (2025).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from residue.lens.summaries.scan import at_row
from residue.lens.summaries.trajectories import Floats, Trajectories

PREFERRED = ("strong_run2", "strong", "confirmed", "semantic")
"""The first of these that exists carries the Jaccard condition."""
LEAST_OVERLAP = 0.5


class DecodingPoint(NamedTuple):
    """Of the default norm and one other."""

    rank1_agree: dict[str, Floats]
    """target → (keys,) 1 or 0; NaN where there is no such target before the last row."""
    rank_change: dict[str, Floats]
    """target → (keys,) other rank − default rank."""
    overlap: Floats
    """(keys,) Jaccard@10 at the preferred target."""
    consistent: Floats
    """(keys,) 1, 0, or NaN without any target."""


def decoding_point(t: Trajectories, targets: Mapping[str, Floats]) -> DecodingPoint:
    """Compare two norms; t as `agreement.compare_tops` (first: default), targets name → rows."""
    default, other, jaccard = t["answer_rank_first"], t["answer_rank_second"], t["jaccard_10"]
    agree, change = {}, {}
    consistent = np.ones(len(t), dtype=bool)
    any_target = np.zeros(len(t), dtype=bool)
    inner = {name: np.where(row < t.last, row, np.nan) for name, row in targets.items()}
    for name, row in inner.items():
        ours, theirs = at_row(t.rows, default, row), at_row(t.rows, other, row)
        known = np.isfinite(ours) & np.isfinite(theirs)
        agree[name] = np.where(known, ((ours == 1) == (theirs == 1)).astype(np.float64), np.nan)
        change[name] = theirs - ours
        any_target |= known
        consistent &= ~known | (agree[name] == 1)
    preferred = np.full(len(t), np.nan)
    for name in PREFERRED:
        if name in inner:
            preferred = np.where(np.isnan(preferred), inner[name], preferred)
    overlap = at_row(t.rows, jaccard, preferred)
    consistent &= ~(overlap < LEAST_OVERLAP)
    return DecodingPoint(
        agree, change, overlap, np.where(any_target, consistent.astype(np.float64), np.nan)
    )
