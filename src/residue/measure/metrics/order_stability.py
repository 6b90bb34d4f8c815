"""Mean cosine of a clean item's last row with those of other data under the same order: an earlier
system's "causal stability".

It wanted this large. But other data ask for another answer, so a model that answers them must tell
them apart: at 1 all of them have become one, and the model can no longer be right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from residue.measure.twins import directions, lines, plain

if TYPE_CHECKING:
    import pandas as pd

    from residue.records.store import RowsFile

NEEDS = ("rows",)
DECK = "orders"
TITLE = "Likeness under one order"
UNIT = "cosine"


def measure(records: dict[str, RowsFile], items: pd.DataFrame) -> pd.DataFrame:
    """A number in [-1, 1] per clean item; one alone under its wording has none."""
    at = directions(records["rows"])
    clean = plain(items)
    found: dict[str, float] = {}
    for _, group in clean.groupby("template", sort=False):
        names = [name for name in group["item"] if name in at]
        if len(names) < 2:
            continue
        # The sum over all others is that over all, less the item's own cosine of 1.
        whole = np.sum([at[name] for name in names], axis=0)
        found |= {name: float(at[name] @ whole - 1.0) / (len(names) - 1) for name in names}
    return lines(list(clean["item"]), found, "no other data stand under this wording")
