"""A control: a static gate on random features, scaled to take away as much as the picked ones.

h ← h − α s Σ_{i∈R} z_i w_i with R drawn from the features that fire on forget prompts and are not
picked, and s such that the mean length of the change over forget prompt tokens equals that of
`sae_gate` with the same options. If it forgets as well, the picks meant nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residue.edits.gates import PickedOptions, codes, lengths_of_change, picked
from residue.edits.methods.sae_gate import SaeGate

if TYPE_CHECKING:
    from residue.edits.fitting import FitData
    from residue.sae.models import Sae


@dataclass(frozen=True)
class Edit(PickedOptions):
    """A norm-matched gate on random features; options are those of the gate that it matches."""

    def fit(self, model: Any, tokenizer: Any, data: FitData, *, seed: int, place: int) -> SaeGate:
        """The gate on features drawn by the seed."""
        row = data.row(self.row)
        sae, real = data.sae(row), picked(data, row, self.picker, self.count)
        lengths = []
        for features in (real, drawn(data, sae, real, seed)):
            gate = SaeGate(model, place=place, sae=sae, tensors={"features": features}, settings={})
            lengths.append(lengths_of_change(gate, data, "forget"))
            gate.detach()
        settings = {"alpha": self.alpha * lengths[0] / lengths[1]}
        return SaeGate(
            model, place=place, sae=sae, tensors={"features": features}, settings=settings
        )

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> SaeGate:
        """The saved gate."""
        return SaeGate.open(model, folder, place=place)


def drawn(data: FitData, sae: Sae, real: Any, seed: int) -> Any:
    """As many features as the picked ones, from the others that fire on forget prompts."""
    import torch

    fires = torch.cat(codes(data, sae, "forget")).amax(dim=0) > 0
    fires[real] = False
    others = fires.nonzero()[:, 0]
    if not len(others):
        raise ValueError("no feature is left to draw from: every one that fires is picked")
    order = torch.randperm(len(others), generator=torch.Generator().manual_seed(seed))
    return others[order[: len(real)]].sort().values
