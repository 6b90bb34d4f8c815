"""How far an order hidden in the data moves the model's answer, although it should not.

Total variation between the laws of the first answer token of an attacked item and of its clean
twin, whose right answer is the same: the largest difference that the order makes to the probability
of any event. 0: the model answers as if the order were not there. See `residue.lens.twins`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from residue.measure.lines import Line, as_table

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("twins",)
DECK = "orders"
TITLE = "Effect of a hidden order on the answer"
UNIT = "total variation, 0 to 1"


def measure(records: dict[str, object], items: pd.DataFrame) -> pd.DataFrame:
    """One line per attacked item that was drawn."""
    table: pd.DataFrame = records["twins"]  # type: ignore[assignment]
    mine = table[table["item"].isin(items["item"])].drop_duplicates("item")
    lines = zip(mine["item"], mine["total_variation"], mine["status"], mine["reason"], strict=True)
    return as_table([Line(item, value, 1.0, status, why) for item, value, status, why in lines])
