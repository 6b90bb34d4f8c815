"""Whether what should be kept is still likely, said, and told from what is wrong, all at once.

Harmonic mean of the answer's probability per token, ROUGE-L recall of the reply, and max(0, 1 - R)
with the truth ratio R: the three parts of TOFU's model utility (Maini et al. 2024, section 2.2.3),
here within each item rather than of averages, so that it has an interval like any other rate; 0 if
one of them is. Lower than TOFU's where different items fail in different ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from residue.measure.lines import Line, asked
from residue.measure.metrics import answer_probability, rouge_l
from residue.measure.metrics.truth_ratio import NONE, ratios

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations", "tokens")
DECK = "facts"
TITLE = "Model utility"
UNIT = "harmonic mean"


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """A value in [0, 1] per item; items without a right or a wrong answer are unscorable."""
    parts = [
        each.measure(records, items).set_index("item")["value"]
        for each in (answer_probability, rouge_l)
    ]
    made = ratios(records["tokens"])

    def score(item: str, _: str) -> Line:
        if item not in made:
            return Line(item, status="unscorable", reason=NONE)
        told = max(0.0, 1.0 - float(np.exp(made[item])))
        values = [float(part[item]) for part in parts]
        return Line(item, harmonic([*values, told]), 1.0)

    return asked(records["generations"], items, score)


def harmonic(values: list[float]) -> float:
    """Harmonic mean of numbers that are not negative; 0 if one is."""
    return len(values) / sum(1.0 / value for value in values) if min(values) > 0.0 else 0.0
