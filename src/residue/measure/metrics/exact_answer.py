"""Share of items whose whole greedy answer is an accepted one: what the model says it knows.

1 if the generation equals an accepted answer after `normalise` (NFC, case folded, spaces), else 0.
A right beginning with anything behind it counts 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from residue.measure.answers import accepted, score_texts

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations",)
DECK = "facts"
TITLE = "Exact answer"
UNIT = "share of items"
KNOWN = "high"


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """1 or 0 per item; items without accepted answers are unscorable."""
    return score_texts(records["generations"], items, *accepted(items))
