"""Distillation of a guard into weights: what a gate does to forget items, without the gate.

The teacher is the model before the edit with a computed edit attached (a gate on SAE features). On
forget items the pupil is drawn to the teacher, on kept items to the model as it was:

    G(items; aim) = w_law · mean KL(aim ‖ pupil) + w_row · mean ‖h_pupil − h_aim‖² / ‖h_aim‖²
    loss = G(forget; teacher) + w_retain · G(retain; before)

with means over answer tokens and h the row where each is said. A guard can be taken off by whoever
holds the files; weights that say the same cannot. Suppressing SAE features into LoRA is CRISP's
idea (Ashuach et al. 2025, arXiv 2508.13650), whose loss reads the features of one row; here the
aim is all that the gate makes of the answer, so that any gate may teach.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from residue.edits.terms import Keep, check_numbers, kl
from residue.edits.twins import distance, watched
from residue.specs.arms import EDITS
from residue.specs.fields import Named, SpecError
from residue.specs.options import normal

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.answers import Scores
    from residue.edits.step import Answers, Step


@dataclass(frozen=True)
class Objective:
    """Law and row of a gated model on forget items, of the model before on items to keep."""

    teacher: Annotated[Any, Named(EDITS, "Edit")] = "gate_v2"
    """The computed edit that is imitated, with its options; one that needs an SAE has it made. A
    clamp far off the base's rows makes a law that spreads to what no retain item holds."""
    row: int | None = None
    """Row that is matched; null takes the last, from which every law is made."""
    law_weight: float = 1.0
    """Share of the divergence of the answers' laws."""
    row_weight: float = 1.0
    """Share of the distance of the rows, in squared norms of the aim's."""
    retain_weight: float = 8.0
    """Share of the items to keep; more spares them and imitates less."""

    ROLES: ClassVar[tuple[str, ...]] = ("forget", "retain")
    retain: ClassVar[Keep] = "kl"
    """Kept items are held as they were said, made-up ones among them."""

    def __post_init__(self) -> None:
        check_numbers(self)
        if self.law_weight == self.row_weight == 0:
            raise SpecError("law_weight", "and row_weight are both 0; nothing would be imitated.")
        if self.row is not None and self.row < 1:
            raise SpecError("row", "must be at least 1: row 0 holds the last token alone.")
        object.__setattr__(self, "teacher", normal("teacher", EDITS, "Edit", self.teacher))

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: law and row of forget items, kept law and row."""
        step.watch(self.row)
        law, row = _gap(step.forget, step.forget.taught)
        kept_law, kept_row = _gap(step.retain, step.retain.reference)
        imitated = self.law_weight * law + self.row_weight * row
        kept = self.law_weight * kept_law + self.row_weight * kept_row
        parts = {"law": law, "row": row, "kept_law": kept_law, "kept_row": kept_row}
        return imitated + self.retain_weight * kept, parts


def _gap(answers: Answers, aim: Scores) -> tuple[Tensor, Tensor]:
    """Shares of the means of KL(aim ‖ pupil), nats, and of the rows' distance."""
    now = answers.policy
    if not answers.examples:
        nothing = answers.token_mean(now.tokens)
        return nothing, nothing
    apart = distance(watched(now), watched(aim))
    return answers.token_mean(kl(aim, now)), answers.token_mean(apart)
