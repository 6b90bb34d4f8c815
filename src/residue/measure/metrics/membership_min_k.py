"""Membership by the most surprising fifth of the tokens: a text that was learnt holds no surprise.

Mean of log p over the lowest ⌈T/5⌉ of the answer's T tokens, end token included (Shi et al. 2024,
Min-K% with k = 20). Read and judged as `membership_loss`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from residue.measure.lines import Answer, over_answers

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations", "tokens")
DECK = "facts"
TITLE = "Membership: Min-K"
UNIT = "nats per token"
KNOWN = "high"
UNSEEN = True
SHARE = 0.2


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """Mean log p of the lowest fifth per item; items without accepted answers are unscorable."""
    return over_answers(records["generations"], records["tokens"], items, lowest)


def lowest(answer: Answer) -> float:
    """Mean of the lowest fifth of log p."""
    return lowest_mean(answer.logp)


def lowest_mean(scores: np.ndarray) -> float:
    """Mean of the ⌈T/5⌉ lowest of T numbers."""
    return float(np.sort(scores)[: math.ceil(SHARE * len(scores))].mean())
