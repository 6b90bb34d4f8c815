"""Gates on the features of a sparse autoencoder: what they read, write and keep on disk.

A gate reads the sparse code z of its row (the TopK or JumpReLU code, never the dense one) and adds
multiples of decoder rows w_i of its features F. The part of the row that the SAE does not explain
stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from residue.core.artifacts import read_json
from residue.edits.sequences import SequenceIntervention
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.fitting import FitData
    from residue.sae.models import Sae

TINY = 1e-9
"""Keeps a ratio of feature scores finite where a feature never fires on retain tokens."""


@dataclass(frozen=True)
class PickedOptions:
    """Options of a gate on features that a picker ranked."""

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


@dataclass(frozen=True)
class ScheduledOptions(PickedOptions):
    """Options of a gate whose share follows the text."""

    alpha: float = 0.5
    """Share left out half-way between the two ends."""
    spread: float = 0.5
    """How far the share moves up at one end and down at the other."""
    window: int = 8
    """Tokens that are looked back on; more are surer and follow a change later."""

    def __post_init__(self) -> None:
        for key in ("count", "window"):
            if getattr(self, key) < 1:
                raise SpecError(key, "must be at least 1.")
        for key in ("alpha", "spread"):
            if not 0 <= getattr(self, key) <= 1:
                raise SpecError(key, "must lie between 0 and 1.")


@dataclass(frozen=True)
class GuardOptions:
    """Options of a gate that finds its own features, as DSG does."""

    row: int | None = None
    """Residual row, which must have an SAE; null takes the best of the chosen rows."""
    percentile: float = 95.0
    """Features whose ratio of forget to retain score reaches this percentile may be chosen."""
    count: int = 20
    """Features at most, those with the largest forget score."""

    REMOVABLE: ClassVar[bool] = True
    NEEDS: ClassVar[tuple[str, ...]] = ("layers", "sae")
    GRADED: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.count < 1:
            raise SpecError("count", "must be at least 1.")
        if not 0 < self.percentile < 100:
            raise SpecError("percentile", "must lie between 0 and 100.")


class FeatureGate(SequenceIntervention):
    """An attached gate; its folder is also a folder that SAELens loads."""

    TENSORS: ClassVar[tuple[str, ...]] = ("features",)

    def __init__(
        self,
        model: Any,
        *,
        place: int,
        sae: Sae,
        tensors: Mapping[str, Tensor],
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(model, place=place, row=sae.row, tensors=tensors, settings=settings)
        self.sae = sae
        self.held.add_module("sae", sae.live.to(next(model.parameters()).device))

    def code(self, rows: Tensor) -> Tensor:
        """z of the gate's features, (…, width) -> (…, features)."""
        z: Tensor = self.held.sae.encode(rows)[..., self.held.features]
        return z

    def write(self, z: Tensor) -> Tensor:
        """Σ z_i w_i over the gate's features, (…, features) -> (…, width)."""
        written: Tensor = z @ self.held.sae.W_dec[self.held.features]
        return written

    def save(self, folder: Path) -> None:
        """The gate's own files, and the SAE."""
        from residue.sae import files

        super().save(folder)
        files.write_config(folder / files.CONFIG, self.sae, self.sae.metadata)
        files.write_weights(folder / files.WEIGHTS, self.sae)

    @classmethod
    def parts(cls, folder: Path, content: Mapping[str, Any]) -> dict[str, Any]:
        """The SAE, of the model that its own file names: arm.json holds the digests of both."""
        from residue.sae import files

        sha256 = read_json(folder / files.CONFIG)["metadata"]["residue_model_sha256"]
        width, row = content["width"], content["row"]
        return {"sae": files.load_sae(folder, width=width, row=row, model_sha256=sha256)}


def picked(data: FitData, row: int, picker: str, count: int) -> Tensor:
    """The best features of a row by a picker, at most `count`, those with a score above 0.

    None at all is a `ValueError`: a gate on nothing would look like a gate that does nothing.
    """
    import torch

    table = data.features
    table = table[(table["row"] == row) & (table["picker"] == picker) & (table["score"] > 0)]
    if table.empty:
        raise ValueError(
            f"the picker '{picker}' found no feature at row {row}; name another picker or row"
        )
    best = table.sort_values(["score", "feature"], ascending=[False, True])["feature"][:count]
    return torch.tensor(sorted(int(feature) for feature in best))


def codes(data: FitData, sae: Sae, name: str) -> list[Tensor]:
    """z of all prompt tokens of a set but the first, one (tokens, latents) per item."""
    return [sae.live.encode(tokens) for tokens in data.prompts(name, sae.row)]


def forget_features(data: FitData, sae: Sae, percentile: float, count: int) -> Tensor:
    """DSG's choice (Muhamed et al. 2025, arXiv 2504.08192): with s = E z² over tokens, the features
    whose s_forget / s_retain reaches the percentile, of them the `count` with the largest s_forget.
    """
    import torch

    scores = [torch.cat(codes(data, sae, n)).square().mean(dim=0) for n in ("forget", "retain")]
    ratio = scores[0] / (scores[1] + TINY)
    high = (ratio >= ratio.quantile(percentile / 100)) & (scores[0] > 0)
    if not high.any():
        raise ValueError(f"no feature at row {sae.row} fires on forget prompts; take another row")
    best = torch.where(high, scores[0], 0.0).topk(min(count, int(high.sum()))).indices
    return best.sort().values


def lengths_of_change(gate: FeatureGate, data: FitData, name: str) -> float:
    """Mean ‖Σ z_i w_i‖ over the prompt tokens of a set: how much a gate would take away."""
    import torch

    tokens = torch.cat(data.prompts(name, gate.row))
    with torch.no_grad():
        return float(gate.write(gate.code(tokens)).norm(dim=1).mean())
