"""Attacked items whose right answer the hidden order does not change, and what exchanging rows did.

Where the right answer is the same, whatever differs between an attacked item and its clean twin is
the order's effect. `residue.lens.twins` makes the numbers; this file chooses items and shapes the
table, without a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from residue.core.seeds import derive
from residue.specs.claims import RETAIN

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "item", "row", "total_variation", "kl", "logp_clean", "logp_attacked", "logp_clean_rows",
    "logp_attacked_rows", "status", "reason",
)  # fmt: skip


def chosen_twins(items: pd.DataFrame, per_country: int) -> pd.DataFrame:
    """Attacked items of retain countries with the clean twin's prompt in column `clean`.

    Kept are items of a twin in the deck that accepts the same answers. Of each country
    `per_country` are drawn, whatever the deck holds of others. `ValueError` where none is left.
    """
    clean = items[items["twin"] == ""]
    prompts = dict(zip(clean["item"], clean["prompt"], strict=True))
    accepted = {
        item: list(each) for item, each in zip(clean["item"], clean["answers"], strict=True)
    }
    attacked = items[(items["twin"] != "") & items["split"].isin(RETAIN)]
    attacked = attacked[attacked["twin"].isin(prompts) & (attacked["family"] != "none")]
    same = [
        list(answers) == accepted[twin]
        for answers, twin in zip(attacked["answers"], attacked["twin"], strict=True)
    ]
    kept = attacked[np.array(same, dtype=bool)]
    if not len(kept):
        raise ValueError(
            "no attacked item keeps its clean twin's answer; add such items, or set tests.orders "
            "to false."
        )
    kept = kept.assign(
        clean=[prompts[twin] for twin in kept["twin"]],
        draw=[derive("tests.twins", item) for item in kept["item"]],
    )
    kept = kept.sort_values(["country", "draw"]).groupby("country", sort=False).head(per_country)
    return kept.drop(columns="draw").reset_index(drop=True)


def table(
    items: list[str],
    laws: tuple[np.ndarray, np.ndarray],
    plain: tuple[np.ndarray, np.ndarray],
    exchanged: tuple[np.ndarray, np.ndarray],
    missing: Mapping[str, str],
) -> pd.DataFrame:
    """`COLUMNS`, one line per item and row 1 … n, and one without a row per item that is missing.

    laws: log-probabilities (items, vocabulary) of the first answer token, clean and attacked;
    plain: mean log-probability of the answer, (items,), clean and attacked; exchanged: the same
    (rows, items) with the clean twin's rows in the attacked run, and the reverse. total_variation
    is ½ Σ |p - q|, kl is KL(attacked ‖ clean) in nats.
    """
    import pandas as pd

    p, q = (np.exp(law.astype(np.float64)) for law in laws)
    distance = 0.5 * np.abs(p - q).sum(axis=1)
    divergence = (q * (laws[1].astype(np.float64) - laws[0])).sum(axis=1)
    finite = np.isfinite(np.stack([distance, divergence, *plain])).all(axis=0)
    parts = [
        pd.DataFrame(
            {
                "item": items,
                "row": row + 1,
                "total_variation": distance,
                "kl": divergence,
                "logp_clean": plain[0],
                "logp_attacked": plain[1],
                "logp_clean_rows": exchanged[0][row],
                "logp_attacked_rows": exchanged[1][row],
                "status": np.where(finite, "ok", "failed"),
                "reason": np.where(finite, "", "a law is not finite"),
            }
        )
        for row in range(len(exchanged[0]))
    ]
    lost = pd.DataFrame(
        [{"item": item, "status": "unscorable", "reason": why} for item, why in missing.items()],
        columns=list(COLUMNS),
    )
    made = pd.concat([*parts, lost], ignore_index=True) if missing else pd.concat(parts)
    numbers = dict.fromkeys(COLUMNS[2:8], "float64")
    text = dict.fromkeys(("item", "status", "reason"), "str")
    return made.reset_index(drop=True).astype(numbers | text | {"row": "Int32"})
