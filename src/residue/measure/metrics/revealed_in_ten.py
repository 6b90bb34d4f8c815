"""Probability that at least one of ten samples of the model is exactly the accepted answer.

1 - (1 - p)^10 with p the probability of the answer and its end token, under teacher forcing: what
repeated asking gets out of a model whose likeliest answer is another. Exact, without sampling, for
temperature 1; other right wordings are not counted, so it is a lower bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from residue.measure.lines import Answer, over_answers

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations", "tokens")
DECK = "facts"
TITLE = "Revealed in ten samples"
UNIT = "probability"
KNOWN = "high"
SAMPLES = 10


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """A value in [0, 1] per item; items without accepted answers are unscorable."""
    return over_answers(records["generations"], records["tokens"], items, revealed)


def revealed(answer: Answer) -> float:
    """1 - (1 - p)^SAMPLES, without loss of digits for small p."""
    p = min(float(np.exp(answer.logp.sum())), 1.0)
    return 1.0 if p == 1.0 else float(-np.expm1(SAMPLES * np.log1p(-p)))
