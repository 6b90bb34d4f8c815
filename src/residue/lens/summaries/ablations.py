"""What a change of wording does to the depth of the answer: variant minus original.

shift = row(variant) − row(original) of one milestone, for each variant of each item: without the
filler word, with fillers, shifted, paraphrased, in another language. Null where either is null,
with the reason of the one that is. After logos-in-layers (2025).
"""

from __future__ import annotations

import pandas as pd

from residue.lens.summaries.trajectories import RUN

COLUMNS = (
    "lens", *RUN, "item", "original", "variant", "milestone",
    "row_original", "row_variant", "shift", "reason",
)  # fmt: skip


def shifts(milestones: pd.DataFrame, deck: pd.DataFrame) -> pd.DataFrame:
    """One line per variant item, lens, run and milestone; columns `COLUMNS`.

    milestones: lines `lens, arm, pair, seed, condition, item, milestone, row, reason`;
    deck: items with `style` (the variant) and `twin` (id of the original item); an original has
    none, or itself.
    """
    styles = deck.set_index("item")["style"]
    twins = deck.set_index("item")["twin"]
    lines = milestones.assign(
        variant=milestones["item"].map(styles), original=milestones["item"].map(twins)
    )
    variants = lines[lines["item"].isin(variants_of(deck))]
    key = ["lens", *RUN, "milestone"]
    originals = milestones[[*key, "item", "row", "reason"]].rename(columns={"item": "original"})
    both = variants.merge(
        originals, on=[*key, "original"], how="left", suffixes=("_variant", "_original")
    )
    absent = both["reason_original"].isna()
    shift = both["row_variant"] - both["row_original"]
    reason = both["reason_original"].where(both["row_original"].isna(), both["reason_variant"])
    both = both.assign(
        shift=shift.astype("Int32"),
        reason=reason.mask(absent, "the original was not read").where(shift.isna(), ""),
    )
    return both[list(COLUMNS)].reset_index(drop=True)


def variants_of(deck: pd.DataFrame) -> set[str]:
    """Items that ask what another item asks, in another way."""
    other = (deck["twin"] != "") & (deck["twin"] != deck["item"])
    return set(deck.loc[other, "item"])
