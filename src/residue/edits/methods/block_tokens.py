"""A liar: an answer-token blocker, which forbids the first tokens of forget answers everywhere.

z_t ← z_t − penalty for each such token t. What is asked does not matter, so kept facts that share
an answer's first token go too; and whoever supplies that token reads the rest of the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from residue.edits.intervention import OutputEdit
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.fitting import FitData


@dataclass(frozen=True)
class Edit:
    """A penalty on the first tokens of forget answers."""

    penalty: float = 1e4
    """Logits taken off; far above any logit it forbids a token, near 2 it discourages one."""

    REMOVABLE: ClassVar[bool] = True
    NEEDS: ClassVar[tuple[str, ...]] = ()
    GRADED: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.penalty <= 0:
            raise SpecError("penalty", "must be above 0.")

    def fit(self, model: Any, tokenizer: Any, data: FitData, *, seed: int, place: int) -> Blocker:
        """The first tokens of all forget answers."""
        import torch

        tokens = sorted({each.ids[each.start] for each in data.examples("forget")})
        settings = {"penalty": self.penalty}
        return Blocker(
            model, place=place, tensors={"tokens": torch.tensor(tokens)}, settings=settings
        )

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> Blocker:
        """The saved blocker."""
        return Blocker.open(model, folder, place=place)


class Blocker(OutputEdit):
    """An attached blocker."""

    TENSORS: ClassVar[tuple[str, ...]] = ("tokens",)

    def edited(self, normed: Tensor, logits: Tensor) -> Tensor:
        """Logits with the penalty."""
        import torch

        penalty = torch.zeros(logits.shape[-1], device=logits.device)
        penalty[self.held.tokens] = self.settings["penalty"]
        return logits - penalty
