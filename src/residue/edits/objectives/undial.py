"""UNDIAL: the model learns its own former law with the right answer marked down.

Dong et al. 2025, arXiv 2402.10052: at each answer token the target is softmax(z_ref − β·1_y), the
reference's logits with β taken off the right token, and the loss the cross-entropy to it. The mean
runs over answer tokens alone: prompts and pads have no right token that could be marked down.
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
    """Distillation of the marked-down reference, plus a term that holds the retain items."""

    beta: float = 10.0
    """What is taken off the right token's logit, nats: its odds in the target are e^−β of what they
    were; 0 would only hold the forget items as they are."""

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and the right token's mean p in the target."""
        answers = step.forget
        right = answers.reference.targets[:, None]
        lowered = answers.reference.logits.scatter_add(
            1, right, answers.reference.logits.new_full(right.shape, -self.beta)
        )
        target = lowered.softmax(dim=1)
        each = -(target * answers.policy.logits.log_softmax(dim=1)).sum(dim=1)
        said = answers.token_mean(target.gather(1, right)[:, 0])
        return self.summed(step, answers.token_mean(each), target=said)
