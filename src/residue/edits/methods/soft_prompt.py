"""A soft prompt: a few words before every prompt, whose embeddings are learnt.

The prompt gets `tokens` fillers in front, and row 0 of the first `tokens` places after the start
token is replaced by learnt vectors: h_t ← v_t (Lester et al. 2021, arXiv 2104.08691). Nothing else
in the model changes. As an attack it asks what the right prompt would bring back (Schwinn et al.
2024, arXiv 2402.09063); as an edit it is a prompt that no text can be written for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from residue.edits.sequences import SequenceIntervention
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

ROW = 0


@dataclass(frozen=True)
class Edit:
    """Learnt vectors in the place of the first words."""

    tokens: int = 8
    """Vectors; more can say more, and cost a place of the text each."""
    filler: str = "a"
    """The word that holds a place; the vectors replace it, so any word of at least one token does.
    """

    REMOVABLE: ClassVar[bool] = True
    NEEDS: ClassVar[tuple[str, ...]] = ()
    GRADED: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.tokens < 1:
            raise SpecError("tokens", "must be at least 1.")
        if not self.filler.strip():
            raise SpecError("filler", "is empty, so that nothing would hold a place; name a word.")

    def attach(self, model: Any, *, seed: int, place: int) -> SoftPrompt:
        """Vectors drawn with the size of the model's embeddings; seed: of the draw."""
        import torch

        weight = model.get_input_embeddings().weight
        source = torch.Generator().manual_seed(seed)
        drawn = torch.randn(self.tokens, weight.shape[1], generator=source).to(weight.device)
        size = weight.detach().float().square().mean().sqrt()
        settings = {"filler": self.filler}
        edit = SoftPrompt(
            model, place=place, row=ROW, tensors={"vectors": size * drawn}, settings=settings
        )
        edit.trainable(True)
        return edit

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> SoftPrompt:
        """The saved vectors."""
        return SoftPrompt.open(model, folder, place=place)


class SoftPrompt(SequenceIntervention):
    """An attached soft prompt; a text that goes on from a cache has it behind itself already."""

    TENSORS: ClassVar[tuple[str, ...]] = ("vectors",)

    def __init__(
        self,
        model: Any,
        *,
        place: int,
        row: int,
        tensors: Mapping[str, Tensor],
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(model, place=place, row=row, tensors=tensors, settings=settings)
        self.hook = f"row {ROW} of the first {len(tensors['vectors'])} places after the start"

    def prompt(self, text: str) -> str:
        """The prompt behind as many fillers as there are vectors."""
        if not self._on or self._strength == 0:
            return text
        fillers = [self.settings["filler"]] * len(self.held.vectors)
        return " ".join([*fillers, text])

    def edited(self, rows: Tensor) -> Tensor:
        """h with the vectors in place of the first tokens after the start token."""
        import torch

        if self._past:
            return rows
        # Counted by real tokens, so that pads on the left move nothing.
        real = self.real() if self.called else rows.new_ones(rows.shape[:2]).bool()
        place = real.cumsum(dim=1) - 2
        count = len(self.held.vectors)
        inside = real & (place >= 0) & (place < count)
        vectors = self.held.vectors[place.clamp(0, count - 1)]
        return torch.where(inside[..., None], vectors, rows)
