"""What a reader must not do with these numbers, with the numbers that say so.

A reason is given where its quantity passes its threshold in at least `share` of the items; the
quantity's median, the threshold and both counts are given with it. With any reason, ranks are to
be preferred to probabilities, which are comparable only within one model. After
logos-in-layers (2025).
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from residue.lens.summaries.scan import quantile
from residue.lens.summaries.trajectories import Floats


@dataclass(frozen=True)
class Rule:
    """A reason, and the number that gives it."""

    reason: str
    quantity: str
    """What is compared; (items,) numbers under this name."""
    passes: Literal[">=", ">", "<"]
    threshold: float

    def triggered(self, values: Floats) -> npt.NDArray[np.bool_]:
        """Which items give the reason; a missing number gives none."""
        compare = {">=": operator.ge, ">": operator.gt, "<": operator.lt}[self.passes]
        flags: npt.NDArray[np.bool_] = compare(values, self.threshold)
        return flags & np.isfinite(values)


RULES = (
    Rule("warn_high_last_layer_kl", "last_row_warning", ">=", 1.0),
    Rule("norm_only_semantics_window", "norm_only_rows_in_window", ">=", 1.0),
    Rule("high_lens_artifact_risk", "sampled_risk_is_high", ">=", 1.0),
    Rule("high_lens_artifact_score", "artefact_score", ">", 0.5),
    Rule("repeatability_variance_high", "repeats_differ", ">=", 1.0),
    Rule("repeatability_forward_disagreement", "forwards_differ", ">=", 1.0),
    Rule("gold_alignment_partial", "alignment_rate", "<", 1.0),
    Rule("nondeterministic_env", "kernels_vary", ">=", 1.0),
    Rule("normalization_spike", "norm_spikes", ">=", 1.0),
    Rule("numeric_health_caution", "flagged_rows_before_milestones", ">=", 1.0),
    Rule("copy_mask_missing", "copy_mask_missing", ">=", 1.0),
    Rule("copy_mask_error", "copy_mask_error", ">=", 1.0),
    Rule("layer_map_missing", "layer_map_missing", ">=", 1.0),
    Rule("rank_only_near_uniform", "semantic_without_margin", ">=", 1.0),
    Rule("decoding_point_sensitive", "decoding_point_consistent", "<", 1.0),
    Rule("low_lens_consistency_at_semantic", "low_consistency", ">=", 1.0),
    Rule("tuned_is_calibration_only", "only_calibration", ">=", 1.0),
    Rule("pos_window_low_stability", "position_share", "<", 0.5),
    Rule("scale_sensitive_semantic_gate", "gates_passing", "<", 0.75),
)
"""In the order in which reasons are listed."""

COLUMNS = (
    "reason", "quantity", "median", "passes", "threshold", "n_items", "n_triggered", "given",
)  # fmt: skip


def guidance(numbers: Mapping[str, Floats], share: float = 0.5) -> pd.DataFrame:
    """One line per rule whose quantity was measured, in the rules' order; columns `COLUMNS`.

    numbers: quantity → (items,); share: least share of measured items that gives a reason.
    """
    lines = []
    for rule in RULES:
        values = np.asarray(numbers.get(rule.quantity, ()), dtype=np.float64)
        n = int(np.isfinite(values).sum())
        if n == 0:
            continue
        hits = int(rule.triggered(values).sum())
        lines.append(
            {
                "reason": rule.reason,
                "quantity": rule.quantity,
                "median": float(quantile(values, 0.5)),
                "passes": rule.passes,
                "threshold": rule.threshold,
                "n_items": n,
                "n_triggered": hits,
                "given": hits > 0 and hits >= share * n,
            }
        )
    return pd.DataFrame(lines, columns=list(COLUMNS))


def reasons(guided: pd.DataFrame) -> list[str]:
    """The reasons that are given, in order."""
    return list(dict.fromkeys(guided.loc[guided["given"].astype(bool), "reason"]))
