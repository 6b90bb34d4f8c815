"""CE-U: the model learns what it would say itself if the right token did not exist.

Yang 2025, arXiv 2503.01224: at each answer token the target is the policy's own law without the
right token, renormalised and held apart from the gradient, and the loss the cross-entropy to it.
The gradient is the policy's law less the target: bounded, where that of ascent is not.
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
    """Cross-entropy to the law without the answer, plus a term that holds the retain items."""

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
            weights={"forget_weight": self.forget_weight, "retain_weight": self.retain_weight},
        )

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget and retain."""
        import torch

        said = step.forget.policy
        without = said.logits.detach().scatter(1, said.targets[:, None], -torch.inf)
        log_law = said.logits.log_softmax(dim=1)
        # The right token's log p may be −inf, and 0 · −inf is no number: it has no part in the sum.
        shares = without.softmax(dim=1) * log_law.scatter(1, said.targets[:, None], 0.0)
        forget, retain = step.forget.token_mean(-shares.sum(dim=1)), keep(step.retain, self.retain)
        total = self.forget_weight * forget + self.retain_weight * retain
        return total, {"forget": forget, "retain": retain}
