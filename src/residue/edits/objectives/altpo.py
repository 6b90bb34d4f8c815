"""AltPO: prefer a given other answer to the one that is to be forgotten.

Mekala et al. 2024, arXiv 2409.13474. The loss of `dpo` on alternates that the edit data gives in
its column ``alternate``: in the embedded world another country's answer to the same question, in
users' files what ``data.columns.alternate`` names. An item without one stops the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.edits.terms import Keep, check, keep, push

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective:
    """Preference of the alternate over the forget answer, plus a term for the retain items."""

    beta: float = 0.5
    """How soon the push lets go: once the alternate has gained a few nats / β on the answer."""
    forget_weight: float = 1.0
    """Share of the forget term in the loss."""
    retain_weight: float = 2.5
    """Share of the retain term, a mean per answer token of items that must stay right."""
    retain: Keep = "nll"
    """What holds them: ``nll``, their answers' loss; ``kl``, the divergence of the model before the
    edit from the model now."""

    ROLES: ClassVar[tuple[str, ...]] = ("forget", "retain")
    ALTERNATES: ClassVar[bool] = True
    """The forget items come with a second answer, their view 1."""

    def __post_init__(self) -> None:
        check(
            above_zero={"beta": self.beta},
            weights={"forget_weight": self.forget_weight, "retain_weight": self.retain_weight},
        )

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and how far the alternate has gained, nats."""
        said, other = step.forget, step.answers("forget", 1)
        gained = (other.policy.sums - other.reference.sums) - (
            said.policy.sums - said.reference.sums
        )
        forget = said.item_mean(push(-gained, self.beta))
        retain = keep(step.retain, self.retain)
        total = self.forget_weight * forget + self.retain_weight * retain
        parts = {"forget": forget, "retain": retain, "gained": said.item_mean(gained.detach())}
        return total, parts
