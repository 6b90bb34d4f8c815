"""Negative preference optimisation: push answers away from the reference, ever more gently.

Zhang et al. 2024, arXiv 2404.05868: with S the summed log-probability of an answer and
Δ = S_policy − S_reference, the forget term is −(2/β) · mean log σ(−β Δ). Its gradient weight
2 σ(β Δ) falls to 0 as Δ does, where gradient ascent (the limit β → 0) never lets go.
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
    """NPO on the forget items plus a term that holds the retain items."""

    beta: float = 6.0
    """How soon the push lets go: Δ falls to a few nats / β. Small values, usual for long texts,
    drag short answers far below guessing and neighbours with them; 0 would be ascent."""
    forget_weight: float = 1.0
    """Share of the forget term in the loss."""
    retain_weight: float = 2.5
    """Share of the retain term, a mean per answer token of items that must stay right."""
    retain: Keep = "nll"
    """What holds them: ``nll``, their answers' loss; ``kl``, the divergence of the model before the
    edit from the model now, which asks for no answer to be right that was not."""

    ROLES: ClassVar[tuple[str, ...]] = ("forget", "retain")

    def __post_init__(self) -> None:
        check(
            above_zero={"beta": self.beta},
            weights={"forget_weight": self.forget_weight, "retain_weight": self.retain_weight},
        )

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and the mean gradient weight of the push."""
        answers = step.forget
        ratio = answers.policy.sums - answers.reference.sums
        forget = answers.item_mean(push(ratio, self.beta))
        retain = keep(step.retain, self.retain)
        weight = answers.item_mean(2 * (self.beta * ratio.detach()).sigmoid())
        total = self.forget_weight * forget + self.retain_weight * retain
        return total, {"forget": forget, "retain": retain, "push": weight}
