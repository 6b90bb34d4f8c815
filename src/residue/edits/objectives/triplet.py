"""Triplet: an attacked item nearer to its clean twin than to anything else, by a margin.

Schroff et al. 2015, arXiv 1503.03832. With R the (projected) row at the end of the prompt on the
unit sphere and d = 1 − cosine: mean max(0, m + d(R_a, R_c) − min d(R_a, N)), N the hardest of the
batch's items with other data and of the undefended model's representation of the same attacked
prompt, from which it obeys. Plus w_answer · (mean −log p(right | attacked) + mean −log p(right |
clean)) / 2 + w_keep · keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from residue.edits import twins
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective(twins.Contrasts):
    """A margin between twin and hardest negative, plus answers and items to keep."""

    margin: float = 0.2
    """m, in cosines: how much nearer the twin must be; between 0.1 and 0.5."""

    def __post_init__(self) -> None:
        if not 0.1 <= self.margin <= 0.5:
            raise SpecError("margin", "must lie between 0.1 and 0.5, in cosines.")
        super().__post_init__()

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: contrast, answer, keep, retrieval and rank."""
        ends = self.ends(step)
        similar = twins.cosines(ends.injected, ends.benign)
        nearest = twins.hardest(similar, twins.same_data(ends.clean), [ends.obeying(step)])
        # d(twin) − d(negative) = cosine of the negative − cosine of the twin.
        gap = self.margin + nearest - similar.diagonal()
        return self.summed(step, ends, ends.attacked.item_mean(gap.clamp_min(0)))
