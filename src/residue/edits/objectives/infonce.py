"""InfoNCE: an attacked item is told by its representation to be its own clean twin.

van den Oord et al. 2018, arXiv 1807.03748. With R the (projected) row at the end of the prompt, c
the cosine: mean −log (e^{c(R_a, R_c)/τ} / (e^{c(R_a, R_c)/τ} + Σ_j e^{c(R_a, R_c^j)/τ} + e^{c(R_a,
O)/τ})), j over the batch's items with other data, and the hard negative O the undefended model's
representation of the same attacked prompt, from which it obeys. Plus w_answer · (mean −log p(right
| attacked) + mean −log p(right | clean)) / 2 + w_keep · keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from residue.edits import twins

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective(twins.Contrasts):
    """InfoNCE between attacked and clean twins, plus answers and items to keep."""

    temperature: float = 0.1
    """τ: smaller looks at the hardest negatives alone."""
    hard_negatives: bool = True
    """Whether the undefended model's own representation of the attacked prompt is a negative."""

    def __post_init__(self) -> None:
        twins.check_temperature(self.temperature)
        super().__post_init__()

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: contrast, answer, keep, retrieval and rank."""
        ends = self.ends(step)
        hard = ends.obeying(step) if self.hard_negatives else None
        similar = twins.cosines(ends.injected, ends.benign)
        told = twins.info_nce(similar, twins.same_data(ends.clean), self.temperature, hard)
        return self.summed(step, ends, ends.attacked.item_mean(told))
