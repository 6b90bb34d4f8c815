"""A static gate on SAE features: at every token, a share of what the picked features say is left
out.

h ← h − α Σ_{i∈F} z_i w_i with z the sparse code, w_i the decoder's rows. It is the delta form of
decoding a code in which z_F is scaled by 1 − α: what the SAE does not explain stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from residue.edits.gates import FeatureGate, picked
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.fitting import FitData


@dataclass(frozen=True)
class Edit:
    """A gate that always acts."""

    row: int | None = None
    """Residual row, which must have an SAE; null takes the best of the chosen rows."""
    picker: str = "fisher"
    """Whose ranking of features is taken, as in features.parquet."""
    count: int = 32
    """Features at most; more take more of the forget facts and of everything else."""
    alpha: float = 1.0
    """Share left out: 1 all that the features say, above 1 writes against them."""

    REMOVABLE: ClassVar[bool] = True
    NEEDS: ClassVar[tuple[str, ...]] = ("layers", "sae", "features")
    GRADED: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.count < 1:
            raise SpecError("count", "must be at least 1.")
        if self.alpha == 0:
            raise SpecError("alpha", "is 0, which leaves nothing out; choose e.g. 0.5.")

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
