"""PDU: flatten the law at forget answers as far as a bound on what is kept allows.

Entesari et al. 2025, arXiv 2506.05314: minimise the mean of (max logit − mean logit)² over forget
answer tokens subject to r ≤ ε, with r the retain term. The multiplier λ of the constraint climbs by
its violation after each update: λ ← max(0, λ + η (r − ε)). With r a divergence from the model
before the edit, ε says what may be lost and needs no knowledge of how well that model did.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from residue.edits.terms import Keep, check_numbers, keep

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective:
    """Flat forget answers under a constraint on the retain items."""

    limit: float = 0.05
    """ε: what the retain term may be, nats per answer token; smaller keeps more."""
    rate: float = 20.0
    """η: how fast the multiplier answers a violation; larger follows sooner and swings more."""
    multiplier: float = 10.0
    """λ at the first update."""
    forget_weight: float = 0.1
    """Factor of the forget term, which starts near the square of a logit's spread."""
    retain: Keep = "kl"
    """What the constraint measures: ``kl``, the divergence of the model before the edit from the
    model now; ``nll``, the loss of the answers, whose limit must be one that can be reached."""

    ROLES: ClassVar[tuple[str, ...]] = ("forget", "retain")

    def __post_init__(self) -> None:
        check_numbers(self, above_zero=("limit", "rate"))

    def after(self, history: Sequence[Mapping[str, Any]]) -> Objective:
        """The objective of the next update: λ as the last one's violation leaves it."""
        if not history:
            return self
        last = history[-1]
        climbed = last["multiplier"] + self.rate * (last["retain"] - self.limit)
        return dataclasses.replace(self, multiplier=max(0.0, climbed))

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and λ."""
        logits = step.forget.policy.logits
        margin = logits.amax(dim=1) - logits.mean(dim=1)
        forget = step.forget.token_mean(margin.square())
        retain = keep(step.retain, self.retain)
        total = self.forget_weight * forget + self.multiplier * retain
        whole = step.forget.item_mean(logits.new_full((len(step.forget.examples),), 1.0))
        return total, {"forget": forget, "retain": retain, "multiplier": self.multiplier * whole}
