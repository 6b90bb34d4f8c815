"""A liar: a destroyed model, every matrix drawn anew at random with the spread that it had.

It answers nothing, so whoever asks for forgetting alone would be satisfied; whatever shall be kept
is gone too. A scorecard that does not refute it measures nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from residue.core.seeds import derive
from residue.edits.weights import OtherWeights, own_weights

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.fitting import FitData

SETTINGS = "edit.json"


@dataclass(frozen=True)
class Edit:
    """A model whose matrices are drawn anew; a strength below 1 mixes them with the old ones."""

    REMOVABLE: ClassVar[bool] = False
    NEEDS: ClassVar[tuple[str, ...]] = ()
    GRADED: ClassVar[bool] = True
    OWN_HEAD: ClassVar[bool] = True
    WHOLE: ClassVar[bool] = True

    def fit(self, model: Any, tokenizer: Any, data: FitData, *, seed: int, place: int) -> Destroyed:
        """The destroyed model of a seed; the edit data are not looked at."""
        return Destroyed(model, seed)

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> Destroyed:
        """The same draws again, from the seed that was saved."""
        return Destroyed(model, json.loads((folder / SETTINGS).read_text())["seed"])


class Destroyed(OtherWeights):
    """Random matrices in the place of the model's own."""

    def __init__(self, model: Any, seed: int) -> None:
        self.seed = seed
        super().__init__(model, drawn(model, seed))

    def save(self, folder: Path) -> None:
        """The seed alone, which gives the same draws on every machine."""
        folder.mkdir(parents=True)
        (folder / SETTINGS).write_text(json.dumps({"seed": self.seed}) + "\n", encoding="utf-8")


def drawn(model: Any, seed: int) -> dict[str, Tensor]:
    """A normal draw for each matrix, with its own standard deviation."""
    import torch

    found = {}
    for name, ((module, leaf), *_) in own_weights(model).items():
        weight = module._parameters[leaf]
        if weight.dim() < 2:
            continue
        source = torch.Generator().manual_seed(derive(seed, name))
        noise = torch.randn(weight.shape, generator=source)
        found[name] = noise * weight.detach().float().std().cpu()
    return found
