"""SatImp: ascent on each answer token, weighted by what is left to forget and by what it says.

Yang et al. 2025, arXiv 2505.11953: Σ_t sg(p_t)^β₁ (1 − sg(p_t))^β₂ log p_t, a mean per token.
The first factor lets go of tokens that are unlikely already (saturation), the second passes over
those that anybody would say (importance). β₂ = 0 is `wga`, both 0 ascent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from residue.edits.terms import Forgets

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective(Forgets):
    """Ascent by saturation and importance, plus a term that holds the retain items."""

    beta1: float = 1.0
    """Power of p: larger lets go of a token sooner."""
    beta2: float = 0.1
    """Power of 1 − p: larger passes over tokens that are near certain, among them, before the edit,
    most of a well-known fact; a short answer then is hardly pushed at all."""

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and the mean weight of a token."""
        logp = step.forget.policy.tokens
        p = logp.detach().exp().clamp_max(1.0)
        weight = p**self.beta1 * (1 - p) ** self.beta2
        forget = step.forget.token_mean(weight * logp)
        return self.summed(step, forget, push=step.forget.token_mean(weight))
