"""Whether a row tells that the data hold an order: a picture, since quoting needs it.

One clean item and one attacked twin per country, at the last token of the prompt. HSIC with the
label, twins swapping; AUROC of a linear probe on countries that it was not fitted on.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from residue.core.seeds import derive
from residue.records.store import RowsFile
from residue.representation.probes import probe_auc
from residue.stats.independence import hsic_test

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "arm", "pair", "seed", "row", "statistic", "p", "auc", "n_items", "n_clusters", "reason",
)  # fmt: skip


def pairs_of(items: pd.DataFrame) -> pd.DataFrame:
    """Columns country, clean and attacked: one attacked item of each country, drawn by name."""
    attacked = items[(items["twin"] != "") & items["twin"].isin(items["item"])]
    attacked = attacked[attacked["family"] != "none"]
    draw = [derive("tests.order_rows", item) for item in attacked["item"]]
    first = attacked.assign(draw=draw).sort_values("draw").drop_duplicates("country")
    made = first.rename(columns={"item": "attacked", "twin": "clean"}).sort_values("country")
    return made[["country", "clean", "attacked"]].reset_index(drop=True)


def order_table(lines: list[dict[str, Any]]) -> pd.DataFrame:
    """Lines of `order_rows` as a table."""
    import pandas as pd

    return pd.DataFrame(lines, columns=list(COLUMNS)).astype({"row": "int32"})


def order_rows(
    path: Path, pairs: pd.DataFrame, *, arm: str, pair: int, seed: int
) -> list[dict[str, Any]]:
    """`COLUMNS` for every row of one rows file."""
    file = RowsFile(path)
    lines = []
    for row in file.numbers:
        names, vectors = file.read(row, "last")
        place = {item: number for number, item in enumerate(names)}
        order = [place[item] for name in ("clean", "attacked") for item in pairs[name]]
        x = vectors[order].astype(np.float64)
        labels = np.repeat([0, 1], len(pairs))
        countries = np.tile(pairs["country"].to_numpy(str), 2)
        line = {"arm": arm, "pair": pair, "seed": seed, "row": row, "reason": ""}
        line |= {"n_items": len(x), "n_clusters": len(pairs)}
        if np.ptp(x, axis=0).max() == 0.0:
            gap = dict.fromkeys(("statistic", "p", "auc"), np.nan)
            lines.append(line | gap | {"reason": "every item has the same vector"})
            continue
        found = hsic_test(x, labels, kernel=("rbf", "delta"), pairs=countries)
        auc = probe_auc(x, labels, list(countries), seed=derive("tests.order_rows", row))
        lines.append(line | {"statistic": found.statistic, "p": found.p_value, "auc": auc})
    return lines
