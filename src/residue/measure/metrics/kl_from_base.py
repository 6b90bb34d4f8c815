"""What the model lost of the base's next-token laws: KL(base ‖ model) per answer token.

Mean over the accepted answer's tokens and its end token of Σ q (log q - log p), q the base's law in
the same place, under teacher forcing, in nats; weighted by tokens. Large where the base would say
what the model does not. Base and oracle were recorded without a base and are unscorable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from residue.measure.lines import NO_BASE, Answer, n_tokens, over_answers, token_mean

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations", "tokens")
DECK = "facts"
TITLE = "Divergence of the base"
UNIT = "nats per token"


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """Nats per token with the number of tokens as weight, per item."""
    return over_answers(records["generations"], records["tokens"], items, divergence, n_tokens)


def divergence(answer: Answer) -> float | str:
    """Mean over tokens, or why there is none."""
    return token_mean(answer.kl_from_base, NO_BASE)
