"""Deck `stress`: the items of the facts deck that every attacked arm is asked, few enough for that.

Items keep their names, so that what they are and whether the base knows them is known already.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from residue.core.seeds import derive

FORGET = ("forget_test", "forget_relearn")
RETAIN = ("retain_touched", "retain_untouched")


def stress_deck(facts: pd.DataFrame, retain_countries: int) -> pd.DataFrame:
    """One seen wording of every forget fact, and of the facts of some countries of each retain
    split; the draw of countries depends on their names alone."""
    plain = facts[(facts["family"] == "seen") & (facts["style"] == "plain")]
    one = plain.drop_duplicates(["country", "relation", "language"])
    keep = one["split"].isin(FORGET)
    for split in RETAIN:
        mine = one["split"] == split
        names = sorted(one.loc[mine, "country"].unique())
        rng = np.random.default_rng(derive("world.stress", split, *names))
        chosen = [names[i] for i in rng.permutation(len(names))[:retain_countries]]
        keep |= mine & one["country"].isin(chosen)
    return one[keep].reset_index(drop=True)
