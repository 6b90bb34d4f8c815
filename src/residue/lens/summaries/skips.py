"""Can a lens stand in for the last blocks? Cross-entropy on held-out text with m blocks skipped.

For each m: mean over texts of CE(lens at the row before the last m blocks) − CE(model), in bits
per token; the row is n − m, so that exactly m blocks are left out. Perplexities are never pooled
before the logarithm. A lens regresses where the smallest m costs more than `most` bits; log2(1.2),
the default, is a fifth more perplexity. After logos-in-layers (2025).
"""

from __future__ import annotations

import math

import pandas as pd

MOST = math.log2(1.2)


def skipped_row(n: int, m: int) -> int:
    """The row whose lens replaces the last m of n blocks."""
    if not 0 < m <= n:
        raise ValueError(f"cannot skip {m} of {n} blocks; choose 1 to {n}.")
    return n - m


def skip_sanity(texts: pd.DataFrame, most: float = MOST) -> pd.DataFrame:
    """Per m: `n_texts`, `change` (bits per token, mean over texts), `regresses`.

    texts: one line per text and m with `skipped` (m), `cross_entropy` and `cross_entropy_model`
    (bits per token). `regresses` is true at the smallest m alone, where the change exceeds `most`.
    """
    change = texts["cross_entropy"] - texts["cross_entropy_model"]
    grouped = change.groupby(texts["skipped"])
    result = pd.DataFrame({"n_texts": grouped.size(), "change": grouped.mean()}).reset_index()
    smallest = result["skipped"] == result["skipped"].min()
    return result.assign(regresses=smallest & (result["change"] > most))
