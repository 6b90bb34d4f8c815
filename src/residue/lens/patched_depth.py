"""How deep an edit reaches: the share of what the oracle lacks that the edited model lacks too.

0 means that every row of the edited model still carries the answer, whatever its output says; 1
that its rows give the base as little as those of a model that never saw the fact.

Rows of a model M are put into the base in place of its own (`residue.lens.patching`); Δ_M(l) is
what that takes from the mean log-probability of the answer's tokens, in nats per token. With
S1 = Δ_oracle, S2 = Δ_arm and the rows that hold the fact, K = {l : S1(l) > τ},

    depth = Σ_{l∈K} S1(l) · clip(S2(l) / S1(l), 0, 1) / Σ_{l∈K} S1(l).

An item without such a row has no depth: the oracle lacks nothing there. Source: the unlearning
depth score, arXiv 2605.24614 (τ = 0.05).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from residue.specs.patching import PatchingSpec

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "item", "row", "n_tokens", "logp_base", "logp_oracle", "logp_arm", "s1", "s2", "score",
    "status", "reason",
)  # fmt: skip
NO_ROW = "patching from the oracle takes nothing from the answer at any row"
NOT_FINITE = "a patched log-probability is not finite"
UNKNOWN = "the base does not know the fact"


def depth(s1: np.ndarray, s2: np.ndarray, threshold: float) -> np.ndarray:
    """Depth of each item, (items,), NaN where no row holds the fact.

    s1, s2: what patching from the oracle and from the arm takes, (items, rows), nats per token.
    """
    holds = s1 > threshold
    # For positive S1: S1 · clip(S2/S1, 0, 1) = clip(S2, 0, S1), without a division.
    taken = np.where(holds, np.clip(s2, 0.0, np.where(holds, s1, 1.0)), 0.0).sum(axis=-1)
    lacking = np.where(holds, s1, 0.0).sum(axis=-1)
    share = np.full(lacking.shape, np.nan)
    np.divide(taken, lacking, out=share, where=lacking > 0.0)
    return share


def chosen(items: pd.DataFrame, spec: PatchingSpec) -> pd.DataFrame:
    """The plain items of the splits, families and languages that are patched.

    No language named stands for all. `ValueError` where nothing is left.
    """
    keep = (items["style"] == "plain") & items["split"].isin(spec.splits)
    keep &= items["family"].isin(spec.families)
    if spec.languages:
        keep &= items["language"].isin(spec.languages)
    if not keep.any():
        raise ValueError(
            "the facts deck has no plain item of the patching splits, families and languages; "
            "change them under `patching`, or set patching.arms to []."
        )
    return items.loc[keep]


def table(
    items: Sequence[str],
    n_tokens: Sequence[int],
    base: np.ndarray,
    patched: np.ndarray,
    missing: Mapping[str, str],
    threshold: float,
) -> pd.DataFrame:
    """The table of one arm: a line per item and row from 1 on, and one per item that is missing.

    base: mean log-probabilities as they are, (items,); patched: from the oracle and from the arm,
    (2, rows, items); missing: the reason, by item, why it was not patched.
    """
    import pandas as pd

    n_rows = patched.shape[1]
    oracle, arm = patched.transpose(0, 2, 1)
    s1, s2 = base[:, None] - oracle, base[:, None] - arm
    score = depth(s1, s2, threshold)
    finite = np.isfinite(s1).all(axis=1) & np.isfinite(s2).all(axis=1)
    status = np.where(finite, np.where(np.isnan(score), "unscorable", "ok"), "failed")
    reason = np.where(finite, np.where(np.isnan(score), NO_ROW, ""), NOT_FINITE)
    lost = list(missing)

    def column(values: np.ndarray, rest: object, kind: str) -> pd.Series:
        return pd.Series([*values.tolist(), *[rest] * len(lost)], dtype=kind)

    def each(values: Sequence[object] | np.ndarray) -> np.ndarray:
        return np.repeat(np.asarray(values), n_rows)

    frame = {
        "item": pd.Series([*each(items).tolist(), *lost], dtype="str"),
        "row": column(np.tile(np.arange(1, n_rows + 1), len(items)), pd.NA, "Int32"),
        "n_tokens": column(each(n_tokens), 0, "int32"),
        "logp_base": column(each(base), np.nan, "float64"),
        "logp_oracle": column(oracle.ravel(), np.nan, "float64"),
        "logp_arm": column(arm.ravel(), np.nan, "float64"),
        "s1": column(s1.ravel(), np.nan, "float64"),
        "s2": column(s2.ravel(), np.nan, "float64"),
        "score": column(each(np.where(finite, score, np.nan)), np.nan, "float64"),
        "status": column(each(status), "unscorable", "str"),
        "reason": pd.Series([*each(reason).tolist(), *missing.values()], dtype="str"),
    }
    return pd.DataFrame(frame, columns=list(COLUMNS))
