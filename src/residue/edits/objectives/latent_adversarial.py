"""Latent adversarial training: forget also while an adversary bends one row to bring it back.

Sheshadri et al. 2024, arXiv 2407.15549. Inside each update an adversary adds δ to the row at every
prompt token of the forget items, so that the answers become as likely as it can make them with
‖δ‖ ≤ ε·‖h‖ at each token: a few steps of normalised ascent from δ = 0. The forget term is the
paper's "away" loss under δ, −log(1 − P) with P the answer's probability; the retain items are read
without δ. NPO's push in its place forgets nothing: an answer that the adversary has made certain
gives log P no gradient, while that of log(1 − P) is P / (1 − P), largest there, and lets go at 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.edits.terms import Forgets

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step

CERTAIN = 1e-6
"""Nats below which an answer counts as certain; float32 keeps 1 − P down to about 1e-7."""


@dataclass(frozen=True)
class Objective(Forgets):
    """Away from answers under the worst bend of a row, plus a term that holds the retain items."""

    retain_weight: float = 25.0
    """Share of the retain term: a push that is largest where an answer is certain wants more of it
    than others do."""
    row: int = 3
    """The row that the adversary bends; low rows give it more of the model to work with."""
    bound: float = 0.1
    """ε: largest bend of a token's row as a share of its norm; 0 would be no adversary."""
    inner_steps: int = 3
    """Steps of the adversary; each costs a forward and a backward pass of the forget items."""

    ABOVE_ZERO: ClassVar[tuple[str, ...]] = ("bound", "inner_steps")

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and what δ adds to an answer's log p."""
        answers = step.forget
        bent = answers.bent(self.row, self.bound, self.inner_steps)
        forget = answers.item_mean(away(bent.sums))
        gained = answers.item_mean((bent.sums - answers.policy.sums).detach())
        return self.summed(step, forget, gained=gained)


def away(sums: Tensor) -> Tensor:
    """−log(1 − P) of answers with log-probabilities `sums`, (items,) nats; finite at P = 1."""
    return -(-sums.clamp(max=-CERTAIN).expm1()).log()
