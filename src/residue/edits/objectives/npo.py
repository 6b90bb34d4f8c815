"""Negative preference optimisation: push answers away from the reference, ever more gently.

Zhang et al. 2024, arXiv 2404.05868: with S the summed log-probability of an answer and
Δ = S_policy − S_reference, the forget term is −(2/β) · mean log σ(−β Δ). Its gradient weight
2 σ(β Δ) falls to 0 as Δ does, where gradient ascent (the limit β → 0) never lets go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective:
    """NPO on the forget items plus the ordinary loss on the retain items."""

    beta: float = 6.0
    """How soon the push lets go: Δ falls to a few nats / β. Small values, usual for long texts,
    drag short answers far below guessing and neighbours with them; 0 would be ascent."""
    forget_weight: float = 1.0
    """Share of the forget term in the loss."""
    retain_weight: float = 2.5
    """Share of the retain term: mean loss per answer token of items that must stay right."""

    ROLES: ClassVar[tuple[str, ...]] = ("forget", "retain")

    def __post_init__(self) -> None:
        if self.beta <= 0:
            raise SpecError("beta", "must be above 0; near 0 it is gradient ascent.")
        for key in ("forget_weight", "retain_weight"):
            if getattr(self, key) < 0:
                raise SpecError(key, "must not be negative.")

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and the mean gradient weight of the push."""
        answers = step.forget
        ratio = answers.policy.sums - answers.reference.sums
        forget = answers.item_mean(push(ratio, self.beta))
        retain = step.retain.token_mean(-step.retain.policy.tokens)
        weight = answers.item_mean(2 * (self.beta * ratio.detach()).sigmoid())
        total = self.forget_weight * forget + self.retain_weight * retain
        return total, {"forget": forget, "retain": retain, "push": weight}


def push(ratio: Tensor, beta: float) -> Tensor:
    """−(2/β) log σ(−β Δ) for each log-ratio Δ in nats."""
    from torch.nn.functional import softplus

    return (2 / beta) * softplus(beta * ratio)
