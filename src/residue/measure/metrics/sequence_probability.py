"""Probability that a sample of the model is exactly the first accepted answer and then ends.

exp(sum over tokens of log p), the answer's tokens and its end token, under teacher forcing. Falls
with the length of the answer; `answer_probability` is its geometric mean per token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from residue.measure.lines import over_answers

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations", "tokens")
DECK = "facts"
TITLE = "Answer probability"
UNIT = "probability"
KNOWN = "high"


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """A value in [0, 1] per item; items without accepted answers are unscorable."""
    return over_answers(
        records["generations"],
        records["tokens"],
        items,
        lambda answer: float(np.exp(answer.logp.sum())),
    )
