"""Weighted gradient ascent: ascent on each answer token, weighted by how likely it still is.

Wang et al. 2025, arXiv 2502.19301: Σ_t sg(p_t)^β log p_t, a mean per answer token, with sg(…) held
apart from the gradient. A token that is unlikely already is pushed no more; β = 0 is ascent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.edits.terms import Keep, check, keep

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective:
    """Ascent on the forget tokens by their probability, plus a term that holds the retain items."""

    beta: float = 1.0
    """Power of the weight: larger lets go of a token sooner; 0 would be ascent without an end."""
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
            weights={
                "beta": self.beta,
                "forget_weight": self.forget_weight,
                "retain_weight": self.retain_weight,
            },
        )

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and the mean weight of a token."""
        logp = step.forget.policy.tokens
        weight = (self.beta * logp.detach()).exp()
        forget = step.forget.token_mean(weight * logp)
        retain = keep(step.retain, self.retain)
        total = self.forget_weight * forget + self.retain_weight * retain
        return total, {"forget": forget, "retain": retain, "push": step.forget.token_mean(weight)}
