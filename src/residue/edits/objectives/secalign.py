"""Preference defence: under attack, the right answer rather than what the hidden order asks for.

Chen et al., CCS 2025 (SecAlign), by direct preference optimisation (Rafailov et al. 2023, arXiv
2305.18290): with y the right answer, z the obeying one and Δ = S_policy − S_reference, S the
log-probability of an answer given the attacked prompt, mean −log σ(β (Δ(y) − Δ(z))) + w_answer ·
mean −log p(y) + w_keep · keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.edits import twins
from residue.edits.terms import Keep, check, keep

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective:
    """DPO on attacked prompts, plus their right answers and items to keep."""

    beta: float = 0.1
    """How soon the preference is satisfied: once it has grown by a few nats / β."""
    answer_weight: float = 1.0
    """Share of the loss of the right answers under attack; with 0 the right answer may lose
    probability too, as long as the obeying one loses more."""
    keep_weight: float = 1.0
    """Share of the items that must stay as they are, a mean per answer token."""
    keep: Keep = "nll"
    """What holds them: ``nll``, their answers' loss; ``kl``, the divergence of the model before the
    edit from the model now."""

    ROLES: ClassVar[tuple[str, ...]] = ("twin", "keep")
    DATA: ClassVar[str] = "defence"
    views: ClassVar[dict[str, tuple[int, ...]]] = {"twin": (1, 2)}

    def __post_init__(self) -> None:
        weights = {"answer_weight": self.answer_weight, "keep_weight": self.keep_weight}
        check(above_zero={"beta": self.beta}, weights=weights)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: preference, answer, keep, and the gained nats of preference."""
        from torch.nn.functional import softplus

        right, obeying = step.twins[1], step.obeying
        gained = (right.policy.sums - right.reference.sums) - (
            obeying.policy.sums - obeying.reference.sums
        )
        preference = right.item_mean(softplus(-self.beta * gained))
        answer, kept = twins.nll(right), keep(step.kept, self.keep)
        total = preference + self.answer_weight * answer + self.keep_weight * kept
        parts = {"preference": preference, "answer": answer, "keep": kept}
        return total, {**parts, "gained": right.item_mean(gained.detach())}
