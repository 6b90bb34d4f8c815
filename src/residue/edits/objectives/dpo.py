"""Direct preference optimisation: prefer another answer to the one that is to be forgotten.

Rafailov et al. 2023, arXiv 2305.18290; for forgetting, Maini et al. 2024, arXiv 2401.06121. With
Δ(y) = S_policy(y) − S_reference(y) the forget term is −(2/β) · mean log σ(β (Δ(alternate) − Δ(y)));
without Δ(alternate) it is `npo`. Alternates come from the edit data's column ``alternate``; where
it is absent or empty, a refusal is taken (IdkDPO). `altpo` takes no refusals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from residue.edits.terms import REFUSALS, Keep, check, check_refusals, keep, push

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective:
    """DPO on pairs of an alternate and the forget answer, plus a term for the retain items."""

    beta: float = 0.05
    """How soon the push lets go: once the alternate has gained a few nats / β on the answer. A
    refusal starts tens of nats behind, so that larger values stop before anything is forgotten."""
    forget_weight: float = 1.0
    """Share of the forget term in the loss."""
    retain_weight: float = 5.0
    """Share of the retain term, a mean per answer token of items that must stay right."""
    retain: Keep = "nll"
    """What holds them: ``nll``, their answers' loss; ``kl``, the divergence of the model before the
    edit from the model now."""
    refusals: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: dict(REFUSALS), metadata={"merge": False}
    )
    """Alternates by language of the answer, for items without one of their own; a language that is
    not listed takes the first list's."""

    ROLES: ClassVar[tuple[str, ...]] = ("forget", "retain")
    ALTERNATES: ClassVar[bool] = True
    """The forget items come with a second answer, their view 1."""

    def __post_init__(self) -> None:
        check(
            above_zero={"beta": self.beta},
            weights={"forget_weight": self.forget_weight, "retain_weight": self.retain_weight},
        )
        check_refusals(self.refusals)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and the mean gradient weight of the push."""
        said, better = step.forget, step.answers("forget", 1)
        ratio = (said.policy.sums - said.reference.sums) - (
            better.policy.sums - better.reference.sums
        )
        forget = said.item_mean(push(ratio, self.beta))
        retain = keep(step.retain, self.retain)
        weight = said.item_mean(2 * (self.beta * ratio.detach()).sigmoid())
        total = self.forget_weight * forget + self.retain_weight * retain
        return total, {"forget": forget, "retain": retain, "push": weight}
