"""Supervised defence: the right answers, to attacked and to clean prompts alike.

Chen, Piet, Sitawarin and Wagner, USENIX Security 2025 (StruQ): w_attacked · mean −log p(right |
attacked) + w_clean · mean −log p(right | clean) + w_keep · keep. Data stand in a channel of their
own, from which reserved tokens are filtered.
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
    """The loss of right answers with and without an attack, plus items to keep."""

    attacked_weight: float = 1.0
    """Share of the right answers under attack."""
    clean_weight: float = 1.0
    """Share of the same answers without an attack."""
    keep_weight: float = 1.0
    """Share of the items that must stay as they are, a mean per answer token."""
    keep: Keep = "nll"
    """What holds them: ``nll``, their answers' loss; ``kl``, the divergence of the model before the
    edit from the model now."""

    ROLES: ClassVar[tuple[str, ...]] = ("twin", "keep")
    DATA: ClassVar[str] = "defence"
    views: ClassVar[dict[str, tuple[int, ...]]] = {"twin": (0, 1)}

    def __post_init__(self) -> None:
        names = ("attacked_weight", "clean_weight", "keep_weight")
        check(weights={name: getattr(self, name) for name in names})

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: answer (under attack), clean and keep."""
        clean, attacked = step.twins
        answer, plain, kept = twins.nll(attacked), twins.nll(clean), keep(step.kept, self.keep)
        total = self.attacked_weight * answer + self.clean_weight * plain + self.keep_weight * kept
        return total, {"answer": answer, "clean": plain, "keep": kept}
