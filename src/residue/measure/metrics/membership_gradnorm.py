"""Whether an answer pulls on the weights as if it had been trained on: −log of its gradient's norm.

The attack GradNorm (Wang et al. 2024, arXiv 2402.17012): what was trained on lies near a minimum of
its own loss. The norms come from a job of their own (`record_gradients`), since only a backward
pass shows them. Read as `membership_loss`; the order alone counts, so the logarithm changes no AUC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from residue.measure.lines import Line, asked

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations", "gradients")
DECK = "facts"
TITLE = "Membership: gradient norm"
UNIT = "−log of the norm"
KNOWN = "high"
UNSEEN = True
SMALLEST = 1e-30
"""Norm below which a gradient counts as this: of a law that is certain nothing is left to pull."""


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """−log ‖∇ℓ‖ per item; items without accepted answers are unscorable."""
    table = records["gradients"]
    norms = dict(zip(table["item"], table["norm"], strict=True))
    reasons = dict(zip(table["item"], table["reason"], strict=True))

    def score(item: str, _: str) -> Line:
        if item not in norms:
            return Line(item, status="failed", reason="the item's gradient was not recorded")
        if reasons[item]:
            return Line(item, status="unscorable", reason=reasons[item])
        if not np.isfinite(norms[item]):
            return Line(item, status="failed", reason="the gradient is not finite")
        return Line(item, -float(np.log(max(norms[item], SMALLEST))), 1.0)

    return asked(records["generations"], items, score)
