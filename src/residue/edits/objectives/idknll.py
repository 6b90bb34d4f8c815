"""IdkNLL: teach a refusal in the place of each answer that is to be forgotten.

Maini et al. 2024, arXiv 2401.06121: the mean −log p per token of a refusal put after the forget
prompt. Nothing pushes the answer itself down: it stays wherever refusing does not reach.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from residue.edits.terms import REFUSALS, Keep, check, check_refusals, keep

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective:
    """Descent on refusals to the forget prompts, plus a term that holds the retain items."""

    forget_weight: float = 1.0
    """Share of the forget term in the loss."""
    retain_weight: float = 2.5
    """Share of the retain term, a mean per answer token of items that must stay right."""
    retain: Keep = "nll"
    """What holds them: ``nll``, their answers' loss; ``kl``, the divergence of the model before the
    edit from the model now."""
    refusals: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: dict(REFUSALS), metadata={"merge": False}
    )
    """Refusals by language of the answer, for items without an alternate of their own; a language
    that is not listed takes the first list's."""

    ROLES: ClassVar[tuple[str, ...]] = ("forget", "retain")
    ALTERNATES: ClassVar[bool] = True
    """The forget items come with a second answer, their view 1."""

    def __post_init__(self) -> None:
        check(
            weights={"forget_weight": self.forget_weight, "retain_weight": self.retain_weight},
        )
        check_refusals(self.refusals)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget and retain."""
        refusal = step.answers("forget", 1)
        forget = refusal.token_mean(-refusal.policy.tokens)
        retain = keep(step.retain, self.retain)
        total = self.forget_weight * forget + self.retain_weight * retain
        return total, {"forget": forget, "retain": retain}
