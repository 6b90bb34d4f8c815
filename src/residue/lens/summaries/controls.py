"""Is it this answer, or any answer of its kind? Controls are a view of the same prompts.

Every fact has a foil: an answer of the same relation of another country. No prompt is run twice;
the margin m_l = p_l[answer] − p_l[foil] comes from the same table.
- lasting: first row from which m stays > δ to the last row. A first row with m > 0 alone says
  nothing: margins of 1e−9 change sign for half the depth.
- positive: that first row with m > 0, for comparison with what others publish.
- strong: first row with m > 0, rank 1 and a gap to the runner-up of at least so many logits.
After logos-in-layers (2025).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from residue.lens.summaries.scan import START, Found, first_lasting, first_row, found
from residue.lens.summaries.trajectories import Floats, Trajectories

COLUMNS = ("p_answer", "p_foil", "answer_rank", "answer_logit_gap", "log_odds_foil")
"""Columns of a lens table that controls are made of."""


class Control(NamedTuple):
    """One line per trajectory."""

    lasting: Found
    positive: Found
    strong: Found
    most: Floats
    """(keys,) largest margin over the scanned rows, probability."""
    last: Floats
    """(keys,) margin at the last row."""
    largest_gap: Floats
    """(keys,) largest gap over the scanned rows at which the answer is first, logits."""
    lasting_odds: Found
    """First row from which the answer's logit stays above the foil's."""


def control(
    t: Trajectories,
    *,
    margin: float = 0.05,
    gap: float = 0.5,
    start: int = START,
    margins: Floats | None = None,
) -> Control:
    """Controls of trajectories with `p_answer`, `p_foil`, ranks and gaps.

    margin: δ, probability; gap: logits; margins: (keys, rows) where the difference itself was
    recorded in place of the two probabilities.
    """
    m = t["p_answer"] - t["p_foil"] if margins is None else margins
    rank, gaps, odds = t["answer_rank"], t["answer_logit_gap"], t["log_odds_foil"]
    first = rank == 1
    strong = (m > 0) & first & (gaps >= gap)

    def when(row: Floats, *inputs: Floats) -> Found:
        return found(t.rows, row, *inputs, start=start)

    return Control(
        lasting=when(first_lasting(t.rows, m > margin, start), m),
        positive=when(first_row(t.rows, m > 0, start), m),
        strong=when(first_row(t.rows, strong, start), m, rank, gaps),
        most=_largest(m, t.rows >= start),
        last=m[:, -1],
        largest_gap=_largest(np.where(first, gaps, np.nan), t.rows >= start),
        lasting_odds=when(first_lasting(t.rows, odds > 0, start), odds),
    )


def _largest(values: Floats, scanned: np.ndarray) -> Floats:
    kept = np.where(scanned & np.isfinite(values), values, -np.inf).max(axis=-1)
    return np.where(np.isfinite(kept), kept, np.nan)
