"""A static gate on SAE features: at every token, a share of what the picked features say is left
out.

h ← h − α Σ_{i∈F} z_i w_i with z the sparse code, w_i the decoder's rows. It is the delta form of
decoding a code in which z_F is scaled by 1 − α: what the SAE does not explain stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residue.edits.gates import FeatureGate, PickedOptions, picked

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.fitting import FitData


@dataclass(frozen=True)
class Edit(PickedOptions):
    """A gate that always acts."""

    def fit(self, model: Any, tokenizer: Any, data: FitData, *, seed: int, place: int) -> SaeGate:
        """The gate on the best features of its picker."""
        row = data.row(self.row)
        return SaeGate(
            model,
            place=place,
            sae=data.sae(row),
            tensors={"features": picked(data, row, self.picker, self.count)},
            settings={"alpha": self.alpha},
        )

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> SaeGate:
        """The saved gate."""
        return SaeGate.open(model, folder, place=place)


class SaeGate(FeatureGate):
    """An attached static gate."""

    def edited(self, rows: Tensor) -> Tensor:
        """h − α Σ z_i w_i."""
        less: Tensor = rows - self.settings["alpha"] * self.write(self.code(rows))
        return less
