"""All of the model's own weights, trained: fine-tuning without an adapter.

The new weights lie in a folder that `transformers` loads as a model; nothing of the old ones is
needed to run it, so unlike a guard it cannot be left off.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from residue.edits.weights import OtherWeights, own_weights
from residue.specs.fields import SpecError

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
SCOPES = ("all", "blocks")


@dataclass(frozen=True)
class Edit:
    """Every weight of the model, or of its blocks."""

    scope: str = "all"
    """``all``, or ``blocks``: embeddings, final norm and head then stay as they are."""

    REMOVABLE: ClassVar[bool] = False
    NEEDS: ClassVar[tuple[str, ...]] = ()
    GRADED: ClassVar[bool] = True
    OWN_HEAD: ClassVar[bool] = True
    WHOLE: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise SpecError(
                "scope", f"'{self.scope}' is no choice; there are: {', '.join(SCOPES)}."
            )

    def attach(self, model: Any, *, seed: int, place: int) -> Full:
        """The model's own weights once more, trainable; there is nothing to draw."""
        from residue.models.blocks import describe

        layout = describe(model).layout
        edit = Full(
            model,
            {
                name: module._parameters[leaf]
                for name, ((module, leaf), *_) in own_weights(model).items()
                if self.scope == "all" or name.startswith(f"{layout.blocks}.")
            },
        )
        edit.trainable(True)
        return edit

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> Full:
        """The saved weights; `ValueError` names one that the model does not have."""
        from safetensors.torch import load_file

        saved, own = load_file(folder / WEIGHTS), own_weights(model)
        shapes = {n: m._parameters[leaf].shape for n, ((m, leaf), *_) in own.items()}
        for name, weight in saved.items():
            if shapes.get(name) != weight.shape:
                raise ValueError(
                    f"{folder / WEIGHTS} does not fit this base: {name} is unknown or of another "
                    "shape; open it on the base it was made for"
                )
        absent = sorted(set(shapes) - set(saved))
        if absent:
            raise ValueError(f"{folder / WEIGHTS} lacks {absent[0]}; make the arm again")
        return Full(model, saved)


class Full(OtherWeights):
    """Trained weights in the place of the model's own."""

    def save(self, folder: Path) -> None:
        """model.safetensors with every weight, and config.json; `transformers` loads them."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True)
        weights = {
            name: self.parameters().get(name, module._parameters[leaf])
            for name, ((module, leaf), *_) in own_weights(self.model).items()
        }
        arrays = {name: w.detach().cpu().contiguous() for name, w in weights.items()}
        save_file(arrays, folder / WEIGHTS, metadata={"format": "pt"})
        self.model.config.to_json_file(folder / CONFIG)
