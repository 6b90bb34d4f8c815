"""Triplet: an attacked item nearer to its clean twin than to anything else, by a margin.

Schroff et al. 2015, arXiv 1503.03832. With R the (projected) row at the end of the prompt on the
unit sphere and d = 1 − cosine: mean max(0, m + d(R_a, R_c) − min d(R_a, N)), N the hardest of the
batch's items with other data and of the undefended model's representation of the same attacked
prompt, from which it obeys. Plus w_answer · (mean −log p(right | attacked) + mean −log p(right |
clean)) / 2 + w_keep · keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.edits import twins
from residue.edits.terms import Keep, check, keep
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective:
    """A margin between twin and hardest negative, plus answers and items to keep."""

    row: int | None = None
    """Row of the representation; null takes the last, from which the answer is said."""
    margin: float = 0.2
    """m, in cosines: how much nearer the twin must be; between 0.1 and 0.5."""
    contrast_weight: float = 1.0
    """Share of the margin's loss."""
    answer_weight: float = 1.0
    """Share of the loss of the right answers, attacked and clean."""
    keep_weight: float = 1.0
    """Share of the items that must stay as they are, a mean per answer token."""
    keep: Keep = "nll"
    """What holds them: ``nll``, their answers' loss; ``kl``, the divergence of the model before the
    edit from the model now."""
    projection: int = 0
    """Size of a linear projection that the representation is read through; 0 reads the row itself,
    which is on the path to the output."""

    ROLES: ClassVar[tuple[str, ...]] = ("twin", "keep")
    DATA: ClassVar[str] = "defence"
    views: ClassVar[dict[str, tuple[int, ...]]] = {"twin": (0, 1)}

    def __post_init__(self) -> None:
        weights = ("contrast_weight", "answer_weight", "keep_weight")
        check(weights={name: getattr(self, name) for name in (*weights, "projection")})
        if not 0.1 <= self.margin <= 0.5:
            raise SpecError("margin", "must lie between 0.1 and 0.5, in cosines.")

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: contrast, answer, keep, retrieval and rank."""
        step.watch(self.row)
        clean, attacked = step.twins
        anchors = step.projected(twins.first_rows(attacked.policy))
        positives = step.projected(twins.first_rows(clean.policy))
        obeying = step.projected(twins.first_rows(attacked.reference))
        similar = twins.cosines(anchors, positives)
        own = twins.cosines(anchors, obeying).diagonal()[:, None]
        nearest = twins.hardest(similar, twins.same_data(clean), [own])
        # d(twin) − d(negative) = cosine of the negative − cosine of the twin.
        contrast = attacked.item_mean((self.margin + nearest - similar.diagonal()).clamp_min(0))
        answer = (twins.nll(attacked) + twins.nll(clean)) / 2
        kept = keep(step.kept, self.keep)
        total = (
            self.contrast_weight * contrast + self.answer_weight * answer + self.keep_weight * kept
        )
        parts = {"contrast": contrast, "answer": answer, "keep": kept}
        return total, {**parts, **twins.collapse(clean, anchors, positives)}
