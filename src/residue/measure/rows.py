"""Measurements with a row: one line per item and lens row, taken from a column of a lens table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from residue.measure.lines import COLUMNS

if TYPE_CHECKING:
    import pandas as pd


def by_row(table: pd.DataFrame, column: str, items: pd.DataFrame, *, missing: str) -> pd.DataFrame:
    """The column's value for each item and row, by row, then in the order of the items.

    missing: why a null is unscorable. An item that the table lacks is failed in every row.
    """
    import pandas as pd

    rows = sorted(table["row"].unique())
    whole = pd.MultiIndex.from_product([rows, items["item"]], names=["row", "item"])
    found = table.set_index(["row", "item"])[column].reindex(whole)
    value = found.to_numpy(dtype=np.float64, na_value=np.nan)
    recorded = whole.get_level_values("item").isin(table["item"])
    fine = np.isfinite(value)
    status = np.where(fine, "ok", np.where(recorded, "unscorable", "failed"))
    reason = np.where(fine, "", np.where(recorded, missing, "the item was not read by the lens"))
    columns = {
        "item": pd.Series(whole.get_level_values("item"), dtype="str"),
        "row": pd.Series(whole.get_level_values("row"), dtype="Int32"),
        "value": value,
        "weight": np.where(fine, 1.0, np.nan),
        "status": pd.Series(status, dtype="str"),
        "reason": pd.Series(reason, dtype="str"),
    }
    return pd.DataFrame(columns, columns=list(COLUMNS))
