"""NPO read off at inner rows: the answer is to go from where it is made, not only from the end.

With S_l the log-probability of an answer that the base's tuned lens reads out of row l (see
`edits.lensed`; its translators stay as they were fitted) and Δ_l = S_l,policy − S_l,reference, the
forget term is the mean over rows of −(2/β) · mean log σ(−β Δ_l); with row n alone it is `npo`. A
loss on what tuned lenses say of every layer is EleutherAI's (github.com/EleutherAI/unlearn); lenses
are Belrose et al. 2023, arXiv 2303.08112, the push is Zhang et al. 2024, arXiv 2404.05868.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from residue.edits.terms import Forgets, moved, push, slope
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.lensed import Given
    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective(Forgets):
    """NPO on what several rows say of the forget items, plus a term that holds the retain items."""

    rows: tuple[int, ...] = ()
    """Rows that are read, in rising order; n, the number of blocks, is the model's own output.
    Empty takes the middle row and all above it. Rows below those that know the answer have nothing
    to lose."""
    beta: float = 6.0
    """As in `npo`: how soon the push lets go, at each row by itself."""

    ABOVE_ZERO: ClassVar[tuple[str, ...]] = ("beta",)
    LENS: ClassVar[str] = "tuned"
    """The lens whose fit on the base is read through."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if list(self.rows) != sorted(set(self.rows)) or min(self.rows, default=0) < 0:
            raise SpecError("rows", "must rise from 0 or more, each row once, e.g. [4, 5, 6].")

    def rows_of(self, n_blocks: int) -> tuple[int, ...]:
        """The rows that are read of a model with so many blocks."""
        return self.rows or tuple(range(n_blocks // 2, n_blocks + 1))

    def given(self, lens: Path, model: Any) -> Given:
        """The objective with the lens that was fitted on the base, for training."""
        from residue.edits.lensed import Given, read_lens

        return Given(self, read_lens(lens, model))

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, the mean gradient weight of the push over items
        and rows, and what the output has gained on an answer, nats."""
        import torch

        from residue.models.blocks import describe

        rows = self.rows_of(describe(step.model).n_blocks)
        step.watch(rows)
        answers = step.forget
        now, before = (step.through(each, rows) for each in (answers.policy, answers.reference))
        each = [a.sums - b.sums for a, b in zip(now, before, strict=True)]
        ratios = torch.stack(each)
        forget = answers.item_mean(push(ratios, self.beta).mean(dim=0))
        left = answers.item_mean(slope(ratios, self.beta).mean(dim=0))
        gained = answers.item_mean(moved(answers).detach())
        return self.summed(step, forget, push=left, gained=gained)
