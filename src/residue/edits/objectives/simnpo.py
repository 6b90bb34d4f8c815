"""SimNPO: the push of NPO without a reference, on the mean log-probability per token.

Fan et al. 2024, arXiv 2410.07163: with ℓ the mean −log p of an answer's tokens, the forget term is
−(2/β) · mean log σ(β (ℓ − δ)). Answers that are already unlikely are left alone, whatever the
reference said of them, and long answers are pushed no harder than short ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.edits.terms import Forgets, push, slope

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective(Forgets):
    """SimNPO on the forget items plus a term that holds the retain items."""

    beta: float = 4.5
    """How sharply the push ends; larger ends it sooner once the answer is `margin` unlikely."""
    margin: float = 0.0
    """Nats per token (δ) that an answer must lose before the push is half gone; larger forgets
    more and damages more."""

    ABOVE_ZERO: ClassVar[tuple[str, ...]] = ("beta",)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and the mean gradient weight of the push."""
        answers = step.forget
        excess = answers.policy.means + self.margin
        forget = answers.item_mean(push(excess, self.beta))
        return self.summed(step, forget, push=answers.item_mean(slope(excess, self.beta)))
