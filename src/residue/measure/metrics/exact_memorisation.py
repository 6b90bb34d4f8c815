"""Share of the answer's tokens that are the model's likeliest when all before them are given.

(1/T) · #{t : rank_t = 1}, T the answer's tokens without the end token, under teacher forcing
(Tirumala et al. 2022; `exact_memorization` of open-unlearning). Late tokens of a name are easy once
its first is given, so this stays high after forgetting that only moves the first token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from residue.measure.lines import over_answers

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations", "tokens")
DECK = "facts"
TITLE = "Exact memorisation"
UNIT = "share of tokens"
KNOWN = "high"


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """A value in [0, 1] per item; items without accepted answers are unscorable."""
    return over_answers(
        records["generations"],
        records["tokens"],
        items,
        lambda answer: float((answer.rank_of_text == 1).mean()),
    )
