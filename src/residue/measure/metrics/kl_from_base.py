"""What the model lost of the base's next-token laws: KL(base ‖ model) per answer token.

Mean over the accepted answer's tokens and its end token of Σ q (log q - log p), q the base's law in
the same place, under teacher forcing, in nats; weighted by tokens. Large where the base would say
what the model does not. Base and oracle were recorded without a base and are unscorable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from residue.measure.lines import Answer, over_answers

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations", "tokens")
DECK = "facts"
TITLE = "Divergence of the base"
UNIT = "nats per token"


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """Nats per token with the number of tokens as weight, per item."""
    return over_answers(
        records["generations"], records["tokens"], items, divergence, lambda a: float(len(a.logp))
    )


def divergence(answer: Answer) -> float | str:
    """Mean over tokens, or why there is none."""
    if np.isnan(answer.kl_from_base).any():
        return "no base in the same load to compare with"
    return float(answer.kl_from_base.mean())
