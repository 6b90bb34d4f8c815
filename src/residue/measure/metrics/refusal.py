"""Share of replies that decline to answer: silence, or words that say so.

1 if nothing is said, or the reply holds a phrase of refusal as whole words; else 0. A fact that is
refused is hidden, not forgotten, so this stands beside every rate of forgetting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from residue.measure.lines import Line, asked
from residue.measure.refusals import refuses

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations",)
DECK = "facts"
TITLE = "Refused"
UNIT = "share of items"


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """1 or 0 per item."""
    return asked(
        records["generations"], items, lambda item, text: Line(item, float(refuses(text)), 1.0)
    )
