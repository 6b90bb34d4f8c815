"""The causal-contrastive loss of an earlier system, kept to show what it does: collapse.

With R the (projected) row at the end of the prompt: −λ_causal · mean c(R_c, R_c′)/τ + λ_spurious ·
mean c(R_c, R_a)/τ + λ_task · mean −log p(right | clean) + w_keep · keep, c′ another clean item of
the batch. It rewards a representation that *reveals* the attack, the contrary of `invariant`, and
its minimum −(λ_causal + λ_spurious)/τ is reached where all clean items share one point and all
attacked ones its antipode, whatever the data: read `retrieval` and `rank` in the history. τ is a
mere factor here, there is no softmax. There the mean of all tokens was pooled.
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
    """Clean items drawn together and attacked ones pushed off; a control, no defence."""

    row: int | None = None
    """Row of the representation; null takes the last, from which the answer is said."""
    temperature: float = 0.07
    """τ, by which both cosines are divided."""
    causal_weight: float = 0.5
    """λ_causal: how strongly clean items of different data are drawn together."""
    spurious_weight: float = 0.5
    """λ_spurious: how strongly an attacked item is pushed from its clean twin."""
    answer_weight: float = 1.0
    """λ_task: share of the loss of the right answers to clean prompts; none is given under attack,
    as there."""
    keep_weight: float = 1.0
    """Share of the items that must stay as they are, a mean per answer token."""
    keep: Keep = "nll"
    """What holds them: ``nll``, their answers' loss; ``kl``, the divergence of the model before the
    edit from the model now."""
    projection: int = 32
    """Size of the linear projection that the representation is read through, 0 for none; a head
    beside the path to the output can take the whole loss without changing an answer."""

    ROLES: ClassVar[tuple[str, ...]] = ("twin", "keep")
    DATA: ClassVar[str] = "defence"
    views: ClassVar[dict[str, tuple[int, ...]]] = {"twin": (0, 1)}

    def __post_init__(self) -> None:
        weights = ("causal_weight", "spurious_weight", "answer_weight", "keep_weight")
        check(weights={name: getattr(self, name) for name in (*weights, "projection")})
        twins.check_temperature(self.temperature)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: causal and spurious (mean cosines), answer, keep, retrieval and
        rank."""
        step.watch(self.row)
        clean, attacked = step.twins
        benign = step.projected(twins.first_rows(clean.policy))
        injected = step.projected(twins.first_rows(attacked.policy))
        causal = clean.item_mean(twins.cosines(benign, benign.roll(1, 0)).diagonal())
        spurious = clean.item_mean(twins.cosines(benign, injected).diagonal())
        answer, kept = twins.nll(clean), keep(step.kept, self.keep)
        total = (
            (self.spurious_weight * spurious - self.causal_weight * causal) / self.temperature
            + self.answer_weight * answer
            + self.keep_weight * kept
        )
        parts = {"causal": causal, "spurious": spurious, "answer": answer, "keep": kept}
        return total, {**parts, **twins.collapse(clean, injected, benign)}
