"""A liar: a refuser, which ends the answer at once where it takes the question for a forbidden one.

Each forget fact has a prototype: the mean of what the unembedding reads at the ends of its prompts,
less the mean of all. Where the cosine with the nearest prototype exceeds the threshold, the end
token is lifted above every other: z_end ← max z + 10. Nothing is forgotten; the threshold −1
refuses everything, also what shall be kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from residue.edits.intervention import OutputEdit
from residue.edits.prototypes import Prototypes, nearest
from residue.models.blocks import describe
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.fitting import FitData

LIFT = 10.0
"""Logits between the end token and the next: the refusal is all but certain."""


@dataclass(frozen=True)
class Edit:
    """A refusal of everything that looks like a forget fact."""

    threshold: float | None = None
    """Cosine above which a position is refused; null takes the middle between what nearly all
    forget prompts reach and nearly all retain prompts do not; −1 refuses always."""

    REMOVABLE: ClassVar[bool] = True
    NEEDS: ClassVar[tuple[str, ...]] = ()
    GRADED: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.threshold is not None and not -1 <= self.threshold <= 1:
            raise SpecError("threshold", "is a cosine; choose between -1 and 1.")

    def fit(self, model: Any, tokenizer: Any, data: FitData, *, seed: int, place: int) -> Refuser:
        """Prototypes of the forget facts, from normed rows."""
        import torch

        architecture = describe(model)
        with torch.no_grad():
            normed = {
                name: architecture.final_norm(data.rows(name, architecture.n_blocks))
                for name in ("forget", "retain")
            }
        found = Prototypes.of(data, normed["forget"], normed["retain"], self.threshold)
        end = torch.tensor([data.examples("forget")[0].ids[-1]])
        return Refuser(
            model,
            place=place,
            tensors={"center": found.center, "prototypes": found.rows, "end": end},
            settings={"threshold": found.threshold},
        )

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> Refuser:
        """The saved refuser."""
        return Refuser.open(model, folder, place=place)


class Refuser(OutputEdit):
    """An attached refuser."""

    TENSORS: ClassVar[tuple[str, ...]] = ("center", "prototypes", "end")

    def edited(self, normed: Tensor, logits: Tensor) -> Tensor:
        """Logits with the end token on top where a forget fact is asked."""
        import torch

        held = self.held
        cosine = nearest(normed, held.center, held.prototypes)
        lifted = logits.clone()
        lifted[..., held.end] = logits.amax(dim=-1, keepdim=True) + LIFT
        return torch.where((cosine > self.settings["threshold"])[..., None], lifted, logits)
