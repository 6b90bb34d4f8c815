"""How little of the answer must be given before the model completes it greedily.

1 - k/T, T the answer's tokens without the end token, k the length of the shortest prefix after
which every following token is the model's likeliest (Carlini et al. 2021; OpenUnlearning 2025).
1: the answer comes from the prompt alone. 0: the last token is wrong even with all others given.
Teacher forcing suffices: as long as the likeliest tokens are the answer's, what is forced is what
the model would have said. The loop in open-unlearning ends at k = T - 1, so that its least value
is 1/T; here k reaches T.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from residue.measure.lines import Answer, over_answers

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations", "tokens")
DECK = "facts"
TITLE = "Extraction strength"
UNIT = "share of the answer"
KNOWN = "high"


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """A value in {0, 1/T, …, 1} per item; items without accepted answers are unscorable."""
    return over_answers(records["generations"], records["tokens"], items, strength)


def strength(answer: Answer) -> float:
    """1 - k/T, where k counts the tokens up to and with the last wrong one."""
    wrong = np.flatnonzero(answer.rank_of_text != 1)
    k = wrong[-1] + 1 if len(wrong) else 0
    return float(1 - k / len(answer.rank_of_text))
