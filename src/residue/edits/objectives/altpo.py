"""AltPO: prefer a given other answer to the one that is to be forgotten.

Mekala et al. 2024, arXiv 2409.13474. The loss of `dpo` on alternates that the edit data gives in
its column ``alternate``: in the embedded world another country's answer to the same question, in
users' files what ``data.columns.alternate`` names. An item without one stops the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.edits.terms import Forgets, moved, push

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective(Forgets):
    """Preference of the alternate over the forget answer, plus a term for the retain items."""

    beta: float = 0.1
    """How soon the push lets go: once the alternate has gained a few nats / β on the answer."""

    ABOVE_ZERO: ClassVar[tuple[str, ...]] = ("beta",)
    ALTERNATES: ClassVar[bool] = True
    """The forget items come with a second answer, their view 1."""

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and how far the alternate has gained, nats."""
        said, other = step.forget, step.answers("forget", 1)
        gained = moved(other) - moved(said)
        forget = said.item_mean(push(-gained, self.beta))
        return self.summed(step, forget, gained=said.item_mean(gained.detach()))
