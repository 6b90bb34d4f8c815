"""How likely the model finds the first accepted answer, per token: memory below the greedy choice.

exp(mean over tokens of log p), the geometric mean over the answer's tokens and its end token, under
teacher forcing; `Prob` of open-unlearning (exp of minus the mean loss). Comparable between answers
of different lengths; `sequence_probability` is the probability of the answer as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from residue.measure.lines import over_answers

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations", "tokens")
DECK = "facts"
TITLE = "Answer probability per token"
UNIT = "probability"
KNOWN = "high"


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """A value in [0, 1] per item; items without accepted answers are unscorable."""
    return over_answers(
        records["generations"],
        records["tokens"],
        items,
        lambda answer: float(np.exp(answer.logp.mean())),
    )
