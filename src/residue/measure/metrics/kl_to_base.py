"""How far the model's next-token laws moved from the base's: KL(model ‖ base) per answer token.

Mean over the accepted answer's tokens and its end token of Σ p (log p - log q), q the base's law in
the same place, under teacher forcing, in nats; weighted by tokens. Large where the model says what
the base would not. Base and oracle were recorded without a base beside them and are unscorable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from residue.measure.lines import NO_BASE, Answer, n_tokens, over_answers, token_mean

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations", "tokens")
DECK = "facts"
TITLE = "Divergence from the base"
UNIT = "nats per token"


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """Nats per token with the number of tokens as weight, per item."""
    return over_answers(records["generations"], records["tokens"], items, divergence, n_tokens)


def divergence(answer: Answer) -> float | str:
    """Mean over tokens, or why there is none."""
    return token_mean(answer.kl_to_base, NO_BASE)
