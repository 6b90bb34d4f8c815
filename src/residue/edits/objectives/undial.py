"""UNDIAL: the model learns its own former law with the right answer marked down.

Dong et al. 2025, arXiv 2402.10052: at each answer token the target is softmax(z_ref − β·1_y), the
reference's logits with β taken off the right token, and the loss the cross-entropy to it. The mean
runs over answer tokens alone: prompts and pads have no right token that could be marked down.
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
    """Distillation of the marked-down reference, plus a term that holds the retain items."""

    beta: float = 10.0
    """What is taken off the right token's logit, nats: its odds in the target are e^−β of what they
    were; 0 would only hold the forget items as they are."""
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
        """The loss and its parts: forget, retain, and the right token's mean p in the target."""
        answers = step.forget
        right = answers.reference.targets[:, None]
        lowered = answers.reference.logits.scatter_add(
            1, right, answers.reference.logits.new_full(right.shape, -self.beta)
        )
        target = lowered.softmax(dim=1)
        each = -(target * answers.policy.logits.log_softmax(dim=1)).sum(dim=1)
        forget, retain = answers.token_mean(each), keep(step.retain, self.retain)
        total = self.forget_weight * forget + self.retain_weight * retain
        said = answers.token_mean(target.gather(1, right)[:, 0])
        return total, {"forget": forget, "retain": retain, "target": said}
