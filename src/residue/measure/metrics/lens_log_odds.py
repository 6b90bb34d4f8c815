"""Log-odds of the answer against a foil, row by row, as a lens reads them.

The foil is an answer of the same kind that belongs to another country: a row that only knows which
kind of word comes next puts both at the same height, near 0. First tokens of both, nats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from residue.measure.rows import by_row

if TYPE_CHECKING:
    import pandas as pd

    from residue.lens.compared import Readings

NEEDS = ("lens",)
DECK = "lens"
TITLE = "Log-odds of the answer against a foil"
UNIT = "nats"
KNOWN = "high"


def measure(records: dict[str, object], items: pd.DataFrame) -> pd.DataFrame:
    """One line per item and row; unscorable where an item has no foil."""
    lens: Readings = records["lens"]  # type: ignore[assignment]
    return by_row(lens.own, "log_odds_foil", items, missing="no foil")
