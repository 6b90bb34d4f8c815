"""SatImp: ascent on each answer token, weighted by what is left to forget and by what it says.

Yang et al. 2025, arXiv 2505.11953: Σ_t sg(p_t)^β₁ (1 − sg(p_t))^β₂ log p_t, a mean per token.
The first factor lets go of tokens that are unlikely already (saturation), the second passes over
those that anybody would say (importance). β₂ = 0 is `wga`, both 0 ascent.
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
    """Ascent by saturation and importance, plus a term that holds the retain items."""

    beta1: float = 1.0
    """Power of p: larger lets go of a token sooner."""
    beta2: float = 0.1
    """Power of 1 − p: larger passes over tokens that are near certain, among them, before the edit,
    most of a well-known fact; a short answer then is hardly pushed at all."""
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
                "beta1": self.beta1,
                "beta2": self.beta2,
                "forget_weight": self.forget_weight,
                "retain_weight": self.retain_weight,
            },
        )

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and the mean weight of a token."""
        logp = step.forget.policy.tokens
        p = logp.detach().exp().clamp_max(1.0)
        weight = p**self.beta1 * (1 - p) ** self.beta2
        forget = step.forget.token_mean(weight * logp)
        retain = keep(step.retain, self.retain)
        total = self.forget_weight * forget + self.retain_weight * retain
        return total, {"forget": forget, "retain": retain, "push": step.forget.token_mean(weight)}
