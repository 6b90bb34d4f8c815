"""Membership by loss, relative to how much there is to say: log-probability per compressed byte.

Σ log p / (bytes of the answer under zlib) (Carlini et al. 2021, section 5.2): a short or repetitive
answer is likely without having been learnt. Read and judged as `membership_loss`.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from residue.measure.lines import over_answers

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations", "tokens")
DECK = "facts"
TITLE = "Membership: zlib"
UNIT = "nats per byte"
KNOWN = "high"
UNSEEN = True


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """Σ log p over compressed bytes per item; items without accepted answers are unscorable."""
    texts = dict(zip(items["item"], items["answers"], strict=True))
    size = {
        item: len(zlib.compress(str(answers[0]).encode()))
        for item, answers in texts.items()
        if len(answers)
    }
    mean = over_answers(
        records["generations"], records["tokens"], items, lambda answer: float(answer.logp.sum())
    )
    mean["value"] /= mean["item"].map(size)
    return mean
