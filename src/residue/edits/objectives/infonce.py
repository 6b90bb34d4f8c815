"""InfoNCE: an attacked item is told by its representation to be its own clean twin.

van den Oord et al. 2018, arXiv 1807.03748. With R the (projected) row at the end of the prompt, c
the cosine: mean −log (e^{c(R_a, R_c)/τ} / (e^{c(R_a, R_c)/τ} + Σ_j e^{c(R_a, R_c^j)/τ} + e^{c(R_a,
O)/τ})), j over the batch's items with other data, and the hard negative O the undefended model's
representation of the same attacked prompt, from which it obeys. Plus w_answer · (mean −log p(right
| attacked) + mean −log p(right | clean)) / 2 + w_keep · keep.
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
    """InfoNCE between attacked and clean twins, plus answers and items to keep."""

    row: int | None = None
    """Row of the representation; null takes the last, from which the answer is said."""
    temperature: float = 0.1
    """τ: smaller looks at the hardest negatives alone."""
    hard_negatives: bool = True
    """Whether the undefended model's own representation of the attacked prompt is a negative."""
    contrast_weight: float = 1.0
    """Share of the contrast."""
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
        twins.check_temperature(self.temperature)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: contrast, answer, keep, retrieval and rank."""
        step.watch(self.row)
        clean, attacked = step.twins
        anchors = step.projected(twins.first_rows(attacked.policy))
        positives = step.projected(twins.first_rows(clean.policy))
        hard = None
        if self.hard_negatives:
            obeying = step.projected(twins.first_rows(attacked.reference))
            hard = twins.cosines(anchors, obeying).diagonal()[:, None]
        told = twins.info_nce(
            twins.cosines(anchors, positives), twins.same_data(clean), self.temperature, hard
        )
        contrast = attacked.item_mean(told)
        answer = (twins.nll(attacked) + twins.nll(clean)) / 2
        kept = keep(step.kept, self.keep)
        total = (
            self.contrast_weight * contrast + self.answer_weight * answer + self.keep_weight * kept
        )
        parts = {"contrast": contrast, "answer": answer, "keep": kept}
        return total, {**parts, **twins.collapse(clean, anchors, positives)}
