"""Likelihood: ordinary training on the retain items, for relearning and as a control.

The loss is the mean −log p of their answer tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.edits.terms import keep

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective:
    """Descent on the loss of the retain items; nothing is forgotten on purpose."""

    ROLES: ClassVar[tuple[str, ...]] = ("retain",)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its one part."""
        retain = keep(step.retain, "nll")
        return retain, {"retain": retain}
