"""CE-U: the model learns what it would say itself if the right token did not exist.

Yang 2025, arXiv 2503.01224: at each answer token the target is the policy's own law without the
right token, renormalised and held apart from the gradient, and the loss the cross-entropy to it.
The gradient is the policy's law less the target: bounded, where that of ascent is not.
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
    """Cross-entropy to the law without the answer, plus a term that holds the retain items."""

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget and retain."""
        import torch

        said = step.forget.policy
        without = said.logits.detach().scatter(1, said.targets[:, None], -torch.inf)
        log_law = said.logits.log_softmax(dim=1)
        # The right token's log p may be −inf, and 0 · −inf is no number: it has no part in the sum.
        shares = without.softmax(dim=1) * log_law.scatter(1, said.targets[:, None], 0.0)
        return self.summed(step, step.forget.token_mean(-shares.sum(dim=1)))
