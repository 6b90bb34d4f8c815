"""How well a row tells the item's answer from others' answers: AUROC of a learnt readout.

Definition in `residue.representation.readouts`; ½ is guessing. Rows at which the test may not be
believed (the base not detected, or the oracle detected) have no lines; `tables/tests.parquet` says
why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("readouts",)
DECK = "facts"
TITLE = "Answer told from others by a readout of a row"
UNIT = "AUROC, 0.5 is guessing"


def measure(records: dict[str, object], items: pd.DataFrame) -> pd.DataFrame:
    """One line per item and row that is shown; unscorable where an item has no foil."""
    table: pd.DataFrame = records["readouts"]  # type: ignore[assignment]
    mine = table[table["item"].isin(items["item"])].reset_index(drop=True)
    scored = mine["auc"].notna().to_numpy()
    made = mine[["item"]].assign(
        row=mine["row"].astype("Int32"),
        value=mine["auc"].astype("float64"),
        weight=np.where(scored, 1.0, np.nan),
        status=np.where(scored, "ok", "unscorable"),
        reason=np.where(scored, "", "every asked country has the same answer"),
    )
    return made.astype({"status": "str", "reason": "str"})
