"""Gradient difference: ascent on what is to be forgotten, descent on what is to be kept.

Liu et al. 2022, arXiv 2203.12817; with `retain: kl` it is the KL variant of the TOFU paper, Maini
et al. 2024, arXiv 2401.06121. The forget term is that of `gradient_ascent`, without a lower bound:
the two terms are in balance only as long as training lasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from residue.edits.terms import Forgets

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective(Forgets):
    """Ascent on the forget items plus a term that holds the retain items."""

    forget_weight: float = 0.03
    """Share of the forget term, the mean over items of the answer's log-probability. Nothing ends
    its push, so a large share destroys; the default is what tuning chose (docs/tuning.md)."""
    retain_weight: float = 1.0
    """Share of the retain term, a mean per answer token of items that must stay right."""

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget and retain."""
        return self.summed(step, step.forget.item_mean(step.forget.policy.sums))
