"""Min-K with each token's surprise in units of its law: Min-K%++ (Zhang et al. 2024, eq. 3).

(log p - E log p) / sd(log p) under the law that predicts the token, mean over the lowest ⌈T/5⌉ of
the answer's T tokens. A law without spread, certain of one token or flat, has no such units: its
token counts 0 if it is the likeliest and is unscorable otherwise. Read as `membership_loss`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from residue.measure.lines import Answer, over_answers
from residue.measure.metrics.membership_min_k import lowest_mean

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations", "tokens")
DECK = "facts"
TITLE = "Membership: Min-K++"
UNIT = "standard deviations"
KNOWN = "high"
UNSEEN = True
FLAT = 1e-6
"""Nats of deviation up to which float32 leaves no digit of it."""


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """Mean of the lowest fifth per item; items without accepted answers are unscorable."""
    return over_answers(records["generations"], records["tokens"], items, lowest)


def lowest(answer: Answer) -> float | str:
    """Mean of the lowest fifth of standardised log p."""
    distance = answer.logp + answer.entropy  # E log p is minus the entropy
    spread = answer.deviation
    if not np.isfinite(distance).all():
        return "the law of a token was not recorded"
    flat = spread <= FLAT
    if (flat & (answer.rank > 1)).any():
        return "a token of a law without spread is not the likeliest"
    scores = np.divide(distance, spread, out=np.zeros_like(distance), where=~flat)
    return lowest_mean(scores)
