"""How surprised the model is by the first accepted answers: exp of nats per token.

Lines hold the mean of -log p over the answer's tokens and its end token, in nats, weighted by their
number; the estimand exponentiates the weighted mean, so that long answers count by their tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from residue.measure.lines import over_answers

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations", "tokens")
DECK = "facts"
TITLE = "Perplexity of answers"
UNIT = "nats per token"
KNOWN = "low"


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """Nats per token with the number of tokens as weight; items without answers are unscorable."""
    return over_answers(
        records["generations"],
        records["tokens"],
        items,
        lambda answer: float(-answer.logp.mean()),
        lambda answer: float(len(answer.logp)),
    )
