"""Latent adversarial training: forget also while an adversary bends one row to bring it back.

Sheshadri et al. 2024, arXiv 2407.15549. Inside each update an adversary adds δ to the row at every
prompt token of the forget items, so that the answers become as likely as it can make them with
‖δ‖ ≤ ε·‖h‖ at each token: a few steps of normalised ascent from δ = 0. The forget term of `npo` is
then taken under δ; the retain items are read without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.edits.terms import Forgets, push

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective(Forgets):
    """NPO against the worst bend of a row, plus a term that holds the retain items."""

    row: int = 3
    """The row that the adversary bends; low rows give it more of the model to work with."""
    bound: float = 0.3
    """ε: largest bend of a token's row as a share of its norm; 0 would be `npo`."""
    inner_steps: int = 3
    """Steps of the adversary; each costs a forward and a backward pass of the forget items."""
    beta: float = 6.0
    """As in `npo`: how soon the push lets go."""

    ABOVE_ZERO: ClassVar[tuple[str, ...]] = ("bound", "inner_steps", "beta")

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and what δ adds to an answer's log p."""
        answers = step.forget
        bent = answers.bent(self.row, self.bound, self.inner_steps)
        forget = answers.item_mean(push(bent.sums - answers.reference.sums, self.beta))
        gained = answers.item_mean((bent.sums - answers.policy.sums).detach())
        return self.summed(step, forget, gained=gained)
