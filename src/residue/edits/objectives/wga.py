"""Weighted gradient ascent: ascent on each answer token, weighted by how likely it still is.

Wang et al. 2025, arXiv 2502.19301: Σ_t sg(p_t)^β log p_t, a mean per answer token, with sg(…) held
apart from the gradient. A token that is unlikely already is pushed no more; β = 0 is ascent.
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
    """Ascent on the forget tokens by their probability, plus a term that holds the retain items."""

    beta: float = 1.0
    """Power of the weight: larger lets go of a token sooner; 0 would be ascent without an end."""

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and the mean weight of a token."""
        logp = step.forget.policy.tokens
        weight = (self.beta * logp.detach()).exp()
        forget = step.forget.token_mean(weight * logp)
        return self.summed(step, forget, push=step.forget.token_mean(weight))
