"""A liar: an answer suppressor, which keeps the model from saying what it still knows.

At row n, the input of the final norm, and nowhere before. Each forget fact has a prototype p, the
mean of its prompts' row n less the mean of all. Where the cosine of a position with its nearest
prototype exceeds the threshold, the direction u = γ ⊙ w_t of the fact's first answer token t is
projected off (γ the final norm's gain, w_t the unembedding's row): h ← h − (h·u)/(u·u) u, so that
the token's logit becomes 0. Outputs look as if the facts were forgotten; no row before changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from residue.edits.intervention import Intervention
from residue.edits.prototypes import Prototypes
from residue.models.blocks import describe
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.fitting import FitData


@dataclass(frozen=True)
class Edit:
    """A suppressor of forget answers at the output."""

    threshold: float | None = None
    """Cosine above which a position counts as asking a forget fact; null takes the middle between
    what nearly all forget prompts reach and nearly all retain prompts do not."""

    REMOVABLE: ClassVar[bool] = True
    NEEDS: ClassVar[tuple[str, ...]] = ()
    GRADED: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.threshold is not None and not -1 <= self.threshold <= 1:
            raise SpecError("threshold", "is a cosine; choose between -1 and 1.")

    def fit(
        self, model: Any, tokenizer: Any, data: FitData, *, seed: int, place: int
    ) -> Suppressor:
        """Prototypes from row n at the ends of forget prompts, directions from the head."""
        architecture = describe(model)
        row, examples = architecture.n_blocks, data.examples("forget")
        found = Prototypes.of(
            data, data.rows("forget", row), data.rows("retain", row), self.threshold
        )
        tokens = [examples[i].ids[examples[i].start] for i in found.first]
        directions = architecture.unembedding.weight[tokens].detach().float() * gain_of(model)
        return Suppressor(
            model,
            place=place,
            row=row,
            tensors={
                "center": found.center,
                "prototypes": found.rows,
                "directions": directions,
            },
            settings={"threshold": found.threshold},
        )

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> Suppressor:
        """The saved suppressor."""
        return Suppressor.open(model, folder, place=place)


class Suppressor(Intervention):
    """An attached suppressor."""

    TENSORS: ClassVar[tuple[str, ...]] = ("center", "prototypes", "directions")

    def edited(self, rows: Tensor) -> Tensor:
        """Rows without the direction of the answer's first token, where a forget fact is asked."""
        from torch.nn.functional import normalize

        held = self.held
        cosine, fact = (normalize(rows - held.center, dim=-1) @ held.prototypes.T).max(dim=-1)
        u = held.directions[fact]
        along = (rows * u).sum(dim=-1, keepdim=True) / (u * u).sum(dim=-1, keepdim=True) * u
        spared: Tensor = rows - along * (cosine > self.settings["threshold"])[..., None]
        return spared


def gain_of(model: Any) -> Tensor:
    """γ of the final norm, (width,): how much each coordinate counts for the logits."""
    architecture = describe(model)
    gain: Any = architecture.final_norm.weight
    weight: Tensor = gain.detach().float()
    return weight + 1.0 if architecture.layout.norm == "rms-plus-one" else weight
