"""Bounded ascent: the loss of an answer is raised towards a ceiling, and no further.

−B · tanh(ℓ/B) with ℓ the mean −log p per token of an answer, a mean over items: the slope
1 − tanh²(ℓ/B) falls to 0 as ℓ passes B, so the term never goes below −B; B → ∞ is ascent per token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.edits.terms import Forgets

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective(Forgets):
    """Ascent to a ceiling on the forget items, plus a term that holds the retain items."""

    bound: float = 5.0
    """B, in nats per token: the push is nearly gone where an answer's loss reaches it."""

    ABOVE_ZERO: ClassVar[tuple[str, ...]] = ("bound",)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and the mean slope that is left."""
        far = (step.forget.policy.means / self.bound).tanh()
        forget = step.forget.item_mean(self.bound * far)
        left = step.forget.item_mean(1 - far.detach().square())
        return self.summed(step, forget, push=left)
