"""Depth of an edit: how much of what the oracle's rows lack of an answer the arm's rows lack too.

0 on the base, 1 on the oracle; see `residue.lens.patched_depth`. It is a rate: a share of nats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from residue.measure.lines import Line, as_table

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("patching",)
DECK = "facts"
TITLE = "Depth of the edit, by patching rows into the base"
UNIT = "share"
KNOWN = "low"
FROM_PAIR = True


def measure(records: dict[str, object], items: pd.DataFrame) -> pd.DataFrame:
    """The score of every patched item; of the deck's other items nothing was asked."""
    table: pd.DataFrame = records["patching"]  # type: ignore[assignment]
    per_item = table.drop_duplicates("item").set_index("item")
    order = [item for item in items["item"] if item in per_item.index]
    found = per_item.loc[order, ["score", "status", "reason"]]
    return as_table(
        [
            Line(item, score, 1.0, status, reason)
            for item, score, status, reason in found.itertuples()
        ]
    )
