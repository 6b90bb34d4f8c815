"""Negative preference optimisation: push answers away from the reference, ever more gently.

Zhang et al. 2024, arXiv 2404.05868: with S the summed log-probability of an answer and
Δ = S_policy − S_reference, the forget term is −(2/β) · mean log σ(−β Δ). Its gradient weight
2 σ(β Δ) falls to 0 as Δ does, where gradient ascent (the limit β → 0) never lets go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.edits.terms import Forgets, moved, push, slope

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective(Forgets):
    """NPO on the forget items plus a term that holds the retain items."""

    beta: float = 6.0
    """How soon the push lets go: Δ falls to a few nats / β. Small values, usual for long texts,
    drag short answers far below guessing and neighbours with them; 0 would be ascent."""

    ABOVE_ZERO: ClassVar[tuple[str, ...]] = ("beta",)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and the mean gradient weight of the push."""
        answers, ratio = step.forget, moved(step.forget)
        forget = answers.item_mean(push(ratio, self.beta))
        return self.summed(step, forget, push=answers.item_mean(slope(ratio, self.beta)))
