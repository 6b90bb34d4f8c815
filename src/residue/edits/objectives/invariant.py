"""Invariance: an attacked prompt is to be answered, and represented, as its clean twin is.

With q the law of an answer token given the clean twin and p given the attacked one, h_c and h_a a
row where that token is said, R the row at the end of the prompt, all of the twin held fixed:

    w_law · mean ½ (KL(q ‖ p) + KL(p ‖ q)) + w_row · mean ‖h_a − h_c‖² / ‖h_c‖²
        + w_apart · mean InfoNCE(R_a; R_c of its twin against R_c of other data)
        + w_answer · mean −log p(right answer) + w_keep · keep

The first two terms are what a certificate of the output asks for; in-batch negatives keep "all data
alike" from being a solution, the last two keep the model answering. Only items whose right answer
does not depend on the hidden order may stand as twins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from residue.edits import twins
from residue.edits.terms import Keep, check, keep, kl
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective:
    """Laws and rows of the attacked twin drawn to the clean one's; answers; what to keep."""

    row: int | None = None
    """Row that is to be the same; null takes the last, from which every law is made."""
    anchor: Literal["reference", "twin"] = "reference"
    """Whose clean twin is aimed at: the undefended model's, or the present model's (held fixed in
    the gradient), which costs a further pass with gradient."""
    law_weight: float = 1.0
    """Share of the divergence of the answers' laws."""
    row_weight: float = 1.0
    """Share of the distance of the rows, in squared norms of the twin's."""
    apart_weight: float = 0.1
    """Share of the term that keeps the rows of different data apart."""
    temperature: float = 0.1
    """τ of that term: smaller looks at the nearest other data alone."""
    answer_weight: float = 1.0
    """Share of the loss of the right answers under attack."""
    keep_weight: float = 1.0
    """Share of the items that must stay as they are, a mean per answer token."""
    keep: Keep = "nll"
    """What holds them: ``nll``, their answers' loss; ``kl``, the divergence of the model before the
    edit from the model now."""

    ROLES: ClassVar[tuple[str, ...]] = ("twin", "keep")
    DATA: ClassVar[str] = "defence"

    def __post_init__(self) -> None:
        weights = ("law_weight", "row_weight", "apart_weight", "answer_weight", "keep_weight")
        check(weights={name: getattr(self, name) for name in weights})
        twins.check_temperature(self.temperature)
        if self.row is not None and self.row < 1:
            raise SpecError("row", "must be at least 1: row 0 holds the last token alone.")

    @property
    def views(self) -> dict[str, tuple[int, ...]]:
        """Views of the twins that are passed with gradient."""
        return {"twin": (1,) if self.anchor == "reference" else (0, 1)}

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: law, row, apart, answer, keep, retrieval and rank."""
        step.watch(self.row)
        clean, attacked = step.twins
        if self.anchor == "reference":
            aim, now = clean.reference, attacked.policy
        else:
            aim, now = clean.policy.held_fixed(), attacked.policy
        hidden, target = twins.watched(now), twins.watched(aim)
        law = attacked.token_mean((kl(aim, now) + kl(now, aim)) / 2)
        row = attacked.token_mean(twins.distance(hidden, target))
        ends, others = twins.first_rows(now), twins.first_rows(aim)
        similar = twins.cosines(ends, others)
        apart = attacked.item_mean(
            twins.info_nce(similar, twins.same_data(clean), self.temperature)
        )
        answer, kept = twins.nll(attacked), keep(step.kept, self.keep)
        total = (
            self.law_weight * law
            + self.row_weight * row
            + self.apart_weight * apart
            + self.answer_weight * answer
            + self.keep_weight * kept
        )
        parts = {"law": law, "row": row, "apart": apart, "answer": answer, "keep": kept}
        return total, {**parts, **twins.collapse(clean, ends, others)}
