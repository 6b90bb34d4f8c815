"""Whether an answer is read as if it had been trained on: mean log-probability per token.

The attack LOSS (Yeom et al. 2018): members of the training text are read with less surprise than
other texts of the same kind. Judged as an AUC against countries in no training text (estimand
statistic `auc`); a model that never saw either is at ½. Higher: more like a member.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from residue.measure.lines import over_answers

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations", "tokens")
DECK = "facts"
TITLE = "Membership: loss"
UNIT = "nats per token"
KNOWN = "high"
UNSEEN = True


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """Mean log p per item; items without accepted answers are unscorable."""
    return over_answers(
        records["generations"], records["tokens"], items, lambda answer: float(answer.logp.mean())
    )
