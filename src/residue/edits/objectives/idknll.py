"""IdkNLL: teach a refusal in the place of each answer that is to be forgotten.

Maini et al. 2024, arXiv 2401.06121: the mean −log p per token of a refusal put after the forget
prompt. Nothing pushes the answer itself down: it stays wherever refusing does not reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from residue.edits.terms import Prefers

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective(Prefers):
    """Descent on refusals to the forget prompts, plus a term that holds the retain items."""

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget and retain."""
        refusal = step.answers("forget", 1)
        return self.summed(step, refusal.token_mean(-refusal.policy.tokens))
