"""Direct preference optimisation: prefer another answer to the one that is to be forgotten.

Rafailov et al. 2023, arXiv 2305.18290; for forgetting, Maini et al. 2024, arXiv 2401.06121. With
Δ(y) = S_policy(y) − S_reference(y) the forget term is −(2/β) · mean log σ(β (Δ(alternate) − Δ(y)));
without Δ(alternate) it is `npo`. Alternates come from the edit data's column ``alternate``; where
it is absent or empty, a refusal is taken (IdkDPO). `altpo` takes no refusals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.edits.terms import Prefers, moved, push, slope

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective(Prefers):
    """DPO on pairs of an alternate and the forget answer, plus a term for the retain items."""

    beta: float = 0.05
    """How soon the push lets go: once the alternate has gained a few nats / β on the answer. A
    refusal starts tens of nats behind, so that larger values stop before anything is forgotten."""
    retain_weight: float = 5.0
    """Share of the retain term, a mean per answer token of items that must stay right."""

    ABOVE_ZERO: ClassVar[tuple[str, ...]] = ("beta",)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and the mean gradient weight of the push."""
        said, better = step.forget, step.answers("forget", 1)
        ratio = moved(said) - moved(better)
        forget = said.item_mean(push(ratio, self.beta))
        return self.summed(step, forget, push=said.item_mean(slope(ratio, self.beta)))
