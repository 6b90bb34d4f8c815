"""What an edit is fitted on: the edit data, and what the live model holds for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residue.core.artifacts import read_json, read_parquet
from residue.edits.answers import AT_ONCE, Example
from residue.edits.batches import Views
from residue.models.blocks import describe, row_hooks
from residue.models.encoding import pad_batch

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor


class FitData:
    """Edit data and the residual rows of the model as it is now, edits before this one attached.

    Rows are made on demand and kept, so a set is read once per row.
    """

    def __init__(
        self,
        model: Any,
        items: Mapping[str, list[Views]],
        frame: pd.DataFrame,
        *,
        layers: Sequence[int] = (),
        saes: Sequence[Path] = (),
        base: Path | None = None,
        defence: pd.DataFrame | None = None,
    ) -> None:
        self.model, self.items, self.frame = model, items, frame
        self.layers: tuple[int, ...] = tuple(layers)
        """Rows that were chosen, best first; empty where none were."""
        self._saes, self._base, self._defence = tuple(saes), base, defence
        self._prompts: dict[tuple[str, int], list[Tensor]] = {}

    def examples(self, name: str) -> list[Example]:
        """The first view of each item of a set; an absent or empty set is a `ValueError`."""
        units = self.items.get(name)
        if not units:
            raise ValueError(f"the edit data holds no {name} items, which this edit is fitted on")
        return [views[0] for views in units]

    def attacks(self, name: str) -> pd.DataFrame:
        """A set of the defence data; without it, or where it is empty, a `ValueError`."""
        if self._defence is None or name not in set(self._defence["set"]):
            raise ValueError(
                f"there are no {name} items of a defence, which this edit is fitted on"
            )
        return self._defence[self._defence["set"] == name]

    def rows(self, name: str, row: int) -> Tensor:
        """Residual row at the end of each prompt of a set, where the answer is decided.

        (items, width) float32, in the order of `examples`.
        """
        import torch

        return torch.stack([tokens[-1] for tokens in self.prompts(name, row)])

    def prompts(self, name: str, row: int) -> list[Tensor]:
        """Residual rows of all prompt tokens of a set, without the first, which starts the text.

        One (tokens, width) float32 per item, in the order of `examples`; a prompt of one token
        keeps it.
        """
        if (name, row) not in self._prompts:
            self._prompts[name, row] = _prompt_rows(self.model, self.examples(name), row)
        return self._prompts[name, row]

    def row(self, asked: int | None) -> int:
        """The row that an option names, or the best of the chosen ones where it names none."""
        return chosen_row(asked, self.layers)

    def sae(self, row: int) -> Any:
        """The sparse autoencoder of a row."""
        from residue.sae.files import load_sae, weights_sha256

        if self._base is None:
            raise ValueError("the base's folder is unknown, so no SAE can be matched with it")
        sha256 = weights_sha256(self._base.glob("*.safetensors"))
        width = describe(self.model).width
        return load_sae(self._folder(row), width=width, row=row, model_sha256=sha256)

    @cached_property
    def features(self) -> pd.DataFrame:
        """What the pickers say of each feature, of all chosen rows (column `row`)."""
        import pandas as pd

        found = [
            read_parquet(folder / "features.parquet").assign(row=row)
            for row, folder in zip(self.layers, self._saes, strict=False)
        ]
        return pd.concat(found, ignore_index=True)

    def _folder(self, row: int) -> Path:
        if row not in self.layers[: len(self._saes)]:
            trained = ", ".join(str(each) for each in self.layers[: len(self._saes)]) or "none"
            raise ValueError(
                f"row {row} has no sparse autoencoder (there are: {trained}); leave the edit's "
                "option row out, or choose the row under representation"
            )
        return self._saes[self.layers.index(row)]


def chosen_row(asked: int | None, layers: Sequence[int]) -> int:
    """The row that an option names, or else the first of the chosen ones."""
    if asked is not None:
        return asked
    if not layers:
        raise ValueError("no row is chosen for this edit; set its option row, e.g. row: 3")
    return layers[0]


def read_layers(file: Path) -> tuple[int, ...]:
    """The chosen rows of a layers.json, best first."""
    return tuple(int(row) for row in read_json(file)["rows"])


def _prompt_rows(model: Any, examples: Sequence[Example], row: int) -> list[Tensor]:
    import torch

    device = str(next(model.parameters()).device)
    found: list[Tensor] = []
    for first in range(0, len(examples), AT_ONCE):
        part = examples[first : first + AT_ONCE]
        padded = pad_batch([each.ids[: each.start] for each in part], fill=0, device=device)
        with torch.no_grad(), row_hooks(model) as rows:
            model(**padded.inputs(), use_cache=False)
        values = rows[row].float()
        for number, length in enumerate(padded.lengths):
            found.append(values[number, min(1, length - 1) : length].clone())
    return found
