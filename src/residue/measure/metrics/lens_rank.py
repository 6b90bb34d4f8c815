"""Rank of the answer's first token, row by row, as a lens reads it; 1 is the first choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from residue.measure.rows import by_row

if TYPE_CHECKING:
    import pandas as pd

    from residue.lens.compared import Readings

NEEDS = ("lens",)
DECK = "lens"
TITLE = "Rank of the answer in a row"
UNIT = "rank"
KNOWN = "low"


def measure(records: dict[str, object], items: pd.DataFrame) -> pd.DataFrame:
    """One line per item and row; unscorable where an item has no answer."""
    lens: Readings = records["lens"]  # type: ignore[assignment]
    return by_row(lens.own, "answer_rank", items, missing="no accepted answer")
