"""LoReFT: what a row says in a small learnt subspace is replaced, at every position.

h ← h + Rᵀ(W h + b − R h) with R (rank, width) of orthonormal rows, W (rank, width), b (rank,) (Wu
et al. 2024, arXiv 2404.03592). It starts as the identity (W = R, b = 0) and never leaves the row
space of R: (I − RᵀR)Δh = 0. R stays orthonormal because what is trained is a free matrix of which
R is the orthonormal factor. Dropout works on Δh, not on the residual stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from residue.edits.intervention import Intervention
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Edit:
    """A learnt low-rank replacement in one row."""

    row: int | None = None
    """Residual row that is edited; null takes the best of the chosen rows."""
    rank: int = 32
    """Dimensions that are replaced; a larger one can change more and costs little more."""
    dropout: float = 0.0
    """Share of the change dropped in training; above 0 it regularises."""

    REMOVABLE: ClassVar[bool] = True
    NEEDS: ClassVar[tuple[str, ...]] = ("layers",)
    GRADED: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check(self.rank, self.dropout)

    def attach(self, model: Any, *, seed: int, place: int) -> Replacement:
        """A fresh edit, the identity until trained; seed: of R."""
        edit = Replacement(
            model,
            place=place,
            row=named_row(self.row),
            tensors=start(model, self.rank, seed),
            settings={"dropout": self.dropout},
        )
        edit.trainable(True)
        return edit

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> Replacement:
        """The saved edit."""
        return Replacement.open(model, folder, place=place)


class Replacement(Intervention):
    """An attached LoReFT edit."""

    TENSORS: ClassVar[tuple[str, ...]] = ("R", "W", "b")

    @property
    def rotation(self) -> Tensor:
        """R, with orthonormal rows."""
        free: Tensor = self.held.R
        return orthonormal(free) if free.requires_grad else free

    def trainable(self, train: bool) -> None:
        """Whether the weights take gradients; when they no longer do, R itself is kept."""
        if not train:
            self.held.R.data = self.rotation.detach()
        super().trainable(train)

    def change(self, rows: Tensor) -> Tensor:
        """Δh = Rᵀ(W h + b − R h)."""
        from torch.nn.functional import dropout

        held, rotation = self.held, self.rotation
        inside = rows @ (held.W - rotation).T + held.b
        return dropout(inside @ rotation, self.settings["dropout"], held.training)

    def edited(self, rows: Tensor) -> Tensor:
        """h + Δh."""
        return rows + self.change(rows)


def check(rank: int, dropout: float) -> None:
    """Stop with the key of an option that cannot be."""
    if rank < 1:
        raise SpecError("rank", "must be at least 1.")
    if not 0 <= dropout < 1:
        raise SpecError("dropout", "must be at least 0 and below 1.")


def start(model: Any, rank: int, seed: int) -> dict[str, Tensor]:
    """R of orthonormal rows drawn from a seed, W = R and b = 0."""
    import torch

    from residue.models.blocks import describe

    width = describe(model).width
    if rank > width:
        raise ValueError(f"rank {rank} is above the width {width} of a row; lower it")
    source = torch.Generator().manual_seed(seed)
    rotation = orthonormal(torch.randn(rank, width, generator=source))
    return {"R": rotation, "W": rotation.clone(), "b": torch.zeros(rank)}


def orthonormal(free: Tensor) -> Tensor:
    """The orthonormal factor of a (rank, width) matrix, signs chosen so that one of orthonormal
    rows is its own."""
    import torch

    q, r = torch.linalg.qr(free.T)
    rows: Tensor = (q * r.diagonal().sign()).T
    return rows


def named_row(row: int | None) -> int:
    """The row of an option that the recipe has filled in."""
    if row is None:
        raise ValueError("the edit names no row and none was chosen; set its option row")
    return row
