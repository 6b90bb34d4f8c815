"""Which cautions the audits of an arm give, counted over items.

Guidance counts the originals of the deck alone, read by the main lens, per pair, seed and
condition; its rules stand in `guidance`, their quantities come from the table of audits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from residue.lens.summaries import ablations, guidance, tidy
from residue.lens.summaries.trajectories import KEY, RUN, Floats
from residue.specs.lens_summaries import LensSummariesSpec

if TYPE_CHECKING:
    from residue.lens.summaries.asked import Asked
    from residue.lens.summaries.audits import Reading


def guided(
    audited: pd.DataFrame, reading: Reading, asked: Asked, spec: LensSummariesSpec
) -> pd.DataFrame:
    """Cautions of the main lens per run; columns `tidy.GUIDANCE`."""
    keys = reading.main.keys
    numbers = _cautions(audited, reading, spec)
    chosen = ~keys["item"].isin(ablations.variants_of(asked.deck)).to_numpy()
    parts = []
    for run, lines in keys[chosen].groupby(["lens", *RUN], sort=True):
        at = lines.index.to_numpy()
        table = guidance.guidance({name: each[at] for name, each in numbers.items()}, spec.share)
        said = pd.DataFrame([run] * len(table), columns=["lens", *RUN])
        parts.append(pd.concat([said, table], axis=1))
    return tidy.joined(parts, tidy.GUIDANCE)


def _cautions(
    audited: pd.DataFrame, reading: Reading, spec: LensSummariesSpec
) -> dict[str, Floats]:
    """Quantities of the guidance's rules, lines as in the main trajectories."""
    keys = pd.MultiIndex.from_frame(reading.main.keys)
    of_main = audited[audited["lens"] == spec.main]
    asked = {
        "last_row_warning": ("last_row", "warn"),
        "norm_only_rows_in_window": ("raw_window", "norm_only_rows"),
        "artefact_score": ("raw_sweep", "score"),
        "norm_spikes": ("growth", "spikes"),
        "decoding_point_consistent": ("decoding_point", "consistent"),
        "low_consistency": ("pairs_consistency", "low"),
        "position_share": ("moved_prompts", "share"),
        "gates_passing": ("semantic_gate", "scales passing the gap"),
    }
    numbers = {}
    for name, (group, quantity) in asked.items():
        lines = of_main[(of_main["group"] == group) & (of_main["quantity"] == quantity)]
        values = lines.set_index(list(KEY))["value"].reindex(keys)
        numbers[name] = values.to_numpy(dtype=np.float64)
    risk = of_main[(of_main["group"] == "raw_sampled") & (of_main["quantity"] == "risk")]
    words = risk.set_index(list(KEY))["word"].reindex(keys)
    numbers["sampled_risk_is_high"] = np.where(words.isna(), np.nan, words == "high")
    semantic, margin = reading.of_main["rank<=1"].row, reading.of_main["margin_ok"].row
    thin = ~(margin <= semantic)
    numbers["semantic_without_margin"] = np.where(np.isfinite(semantic), thin, np.nan)
    flagged = of_main[of_main["quantity"] == "first_flagged"].set_index(list(KEY))["value"]
    first = flagged.reindex(keys).to_numpy(dtype=np.float64)
    limit = np.where(np.isfinite(semantic), semantic, np.inf)
    numbers["flagged_rows_before_milestones"] = (first <= limit).astype(np.float64)
    return numbers
