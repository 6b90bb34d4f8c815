"""Share of the right answer's tokens that the model would choose, given those before: the benign
accuracy of an earlier system, with every token predicted from the one before it.

Clean items, teacher-forced, the end token left out. It is generous: after a wrong first token the
true one is given. It stands beside the share of whole answers, never in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from residue.measure.lines import over_answers

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations", "tokens")
DECK = "orders"
TITLE = "Tokens of the right answer"
UNIT = "share of tokens"


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """A share per clean item that is answered."""
    clean = items[items["family"] == "none"]
    return over_answers(
        records["generations"],
        records["tokens"],
        clean,
        lambda answer: float((answer.rank_of_text == 1).mean()),
    )
