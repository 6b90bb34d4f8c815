"""SimNPO: the push of NPO without a reference, on the mean log-probability per token.

Fan et al. 2024, arXiv 2410.07163: with ℓ the mean −log p of an answer's tokens, the forget term is
−(2/β) · mean log σ(β (ℓ − δ)). Answers that are already unlikely are left alone, whatever the
reference said of them, and long answers are pushed no harder than short ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.edits.terms import Keep, check, keep, push

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective:
    """SimNPO on the forget items plus a term that holds the retain items."""

    beta: float = 4.5
    """How sharply the push ends; larger ends it sooner once the answer is `margin` unlikely."""
    margin: float = 0.0
    """Nats per token (δ) that an answer must lose before the push is half gone; larger forgets
    more and damages more."""
    forget_weight: float = 1.0
    """Share of the forget term in the loss."""
    retain_weight: float = 2.5
    """Share of the retain term, a mean per answer token of items that must stay right."""
    retain: Keep = "nll"
    """What holds them: ``nll``, their answers' loss; ``kl``, the divergence of the model before the
    edit from the model now."""

    ROLES: ClassVar[tuple[str, ...]] = ("forget", "retain")

    def __post_init__(self) -> None:
        check(
            above_zero={"beta": self.beta},
            weights={
                "margin": self.margin,
                "forget_weight": self.forget_weight,
                "retain_weight": self.retain_weight,
            },
        )

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and the mean gradient weight of the push."""
        answers = step.forget
        excess = answers.policy.means + self.margin
        forget = answers.item_mean(push(excess, self.beta))
        retain = keep(step.retain, self.retain)
        weight = answers.item_mean(2 * (self.beta * excess.detach()).sigmoid())
        total = self.forget_weight * forget + self.retain_weight * retain
        return total, {"forget": forget, "retain": retain, "push": weight}
