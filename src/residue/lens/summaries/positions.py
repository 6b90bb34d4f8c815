"""Does the reading hang on where the prompt stands? Rank 1 at the same row of moved prompts.

The share of an item's shifted and padded variants whose answer has rank 1 at the original's
semantic row. Only prompts of which the answer *is* the next token are asked: an answer has no rank
at other positions, and counting those would bound the share by one over their number.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from residue.lens.summaries.scan import at_row
from residue.lens.summaries.trajectories import RUN, Floats, Trajectories

STABLE = 0.5
"""Least share of moved prompts that must agree."""


def rank1_share(ranks: Floats) -> float:
    """Share of (positions,) ranks that are 1; NaN where no position has one."""
    known = ranks[np.isfinite(ranks)]
    return float((known == 1).mean()) if known.size else float("nan")


def position_stability(
    t: Trajectories, semantic: Floats, deck: pd.DataFrame, styles: Iterable[str]
) -> pd.DataFrame:
    """Per original prompt and lens with such variants: `n_variants`, `share`.

    t: `answer_rank`; semantic: (keys,) rows of t's own lines; deck: items with `style` and `twin`.
    """
    wanted = deck[deck["style"].isin(list(styles))]
    key = ["lens", *RUN]
    originals = t.keys.assign(row=semantic).rename(columns={"item": "twin"})
    lines = t.keys.assign(at=np.arange(len(t))).merge(wanted[["item", "twin"]], on="item")
    both = lines.merge(originals, on=[*key, "twin"])
    rank = at_row(t.rows, t["answer_rank"][both["at"].to_numpy()], both["row"])
    both = both.assign(rank=rank)[np.isfinite(rank)]
    grouped = both.groupby([*key, "twin"], sort=True)["rank"]
    table = pd.DataFrame(
        {"n_variants": grouped.size(), "share": grouped.apply(lambda r: float((r == 1).mean()))}
    )
    return table.reset_index().rename(columns={"twin": "item"})
