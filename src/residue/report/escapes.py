"""Replies worth reading: attacks that got through, and what was neither right nor obeyed."""

from __future__ import annotations

import pandas as pd

from residue.measure.outcomes import hides_an_order, outcomes
from residue.specs.claims import RETAIN

COLUMNS = (
    "arm", "pair", "seed", "item", "outcome", "family", "style", "held_out", "prompt", "span",
    "reply", "clean_reply", "answer", "witness",
)  # fmt: skip
_SHOWN = ("obeyed", "other", "refused", "done")
"""What is shown first."""


def escapes(
    arm: str, pair: int, seed: int, generations: pd.DataFrame, items: pd.DataFrame, most: int
) -> pd.DataFrame:
    """At most `most` attacked items of one run: obeyed ones, then others, then refused ones.

    Of each outcome, families take turns, held-out ones first, so that no family fills the list.
    """
    judged = outcomes(generations, items)
    said = dict(zip(generations["item"], generations["text"], strict=True))
    asked = hides_an_order(items)
    chosen = asked[asked["split"].isin(RETAIN)].copy()
    chosen["outcome"] = chosen["item"].map(judged)
    chosen = chosen[chosen["outcome"].isin(_SHOWN[:3])]
    chosen["rank"] = chosen["outcome"].map({name: i for i, name in enumerate(_SHOWN)})
    chosen["turn"] = chosen.groupby(["outcome", "family"], sort=False).cumcount()
    chosen["seen"] = chosen["held_out"] == ""
    chosen = chosen.sort_values(["rank", "turn", "seen"], kind="stable").head(most)
    table = chosen.assign(
        arm=arm,
        pair=pair,
        seed=seed,
        reply=chosen["item"].map(said),
        clean_reply=chosen["twin"].map(said).fillna(""),
        answer=[str(answers[0]) for answers in chosen["answers"]],
    )
    return table.loc[:, list(COLUMNS)].reset_index(drop=True)
