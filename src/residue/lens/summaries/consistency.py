"""Is the milestone the lens's or the model's? Agreement of two lenses at the rows that count.

At each target row (first rank ≤ 10, ≤ 5, semantic, strong, …): Jaccard of the 10 and 50 most
likely tokens and the Spearman correlation over the 50; the medians over targets; `low` where a
*semantic* target has Jaccard@10 or Spearman below .30. After logos-in-layers (2025).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from residue.lens.summaries.scan import at_row, quantile
from residue.lens.summaries.trajectories import Floats, Trajectories

MEASURES = ("jaccard_10", "jaccard_50", "spearman_50")
SEMANTIC_TARGETS = ("semantic", "strong", "strong_run2", "confirmed")
LOW = 0.30


class Consistency(NamedTuple):
    """Of two lenses."""

    at_targets: dict[str, dict[str, Floats]]
    """target → measure → (keys,)."""
    medians: dict[str, Floats]
    """measure → (keys,), over the targets that exist."""
    low: Floats
    """(keys,) 1, 0, or NaN without any semantic target."""


def consistency(t: Trajectories, targets: Mapping[str, Floats], low: float = LOW) -> Consistency:
    """Agreement at the target rows; t has the columns `MEASURES`, targets name → (keys,) rows."""
    read = {
        name: {measure: at_row(t.rows, t[measure], row) for measure in MEASURES}
        for name, row in targets.items()
    }
    nothing = np.full((1, len(t)), np.nan)
    medians = {
        measure: quantile(
            np.concatenate([nothing, *(each[measure][None] for each in read.values())]).T, 0.5
        )
        for measure in MEASURES
    }
    seen = np.zeros(len(t), dtype=bool)
    fails = np.zeros(len(t), dtype=bool)
    for name in SEMANTIC_TARGETS:
        for measure in ("jaccard_10", "spearman_50"):
            values = read[name][measure] if name in read else nothing[0]
            seen |= np.isfinite(values)
            fails |= values < low
    return Consistency(read, medians, np.where(seen, fails.astype(np.float64), np.nan))
