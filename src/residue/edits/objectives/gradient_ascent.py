"""Gradient ascent: make the answers unlikely, without an end and without looking at what is kept.

Jang et al. 2023, arXiv 2210.01504. The loss is the mean over items of an answer's summed
log-probability, to which the forget term of `npo` goes (but for a constant) as β → 0. It has no
lower bound: it shows what an unbounded push destroys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.edits.terms import check_numbers

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective:
    """Ascent on the loss of the forget items; nothing holds the rest."""

    forget_weight: float = 1.0
    """Factor of the loss; gradients are clipped, so it matters only below `train.clip`."""

    ROLES: ClassVar[tuple[str, ...]] = ("forget",)

    def __post_init__(self) -> None:
        check_numbers(self)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its one part."""
        forget = step.forget.item_mean(step.forget.policy.sums)
        return self.forget_weight * forget, {"forget": forget}
