"""Gated ReFT: a learnt low-rank replacement that a learnt gate lets through where it is wanted.

h ← h + g(h) · Rᵀ(W h + b − R h) with g = σ(v·h + c), or σ of a small MLP (GRUN, Ren et al. 2025,
arXiv 2502.17823); R, W, b as in LoReFT. The loss gets l1 · mean g over the tokens of the batch: a
penalty on the value of the gate, which closes it (on its logit it would pull it to ½).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from residue.edits.methods.loreft import Replacement, check, named_row, start
from residue.edits.sequences import SequenceIntervention
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Edit:
    """A learnt low-rank replacement behind a learnt gate."""

    row: int | None = None
    """Residual row that is edited; null takes the best of the chosen rows."""
    rank: int = 32
    """Dimensions that are replaced; a larger one can change more and costs little more."""
    dropout: float = 0.0
    """Share of the change dropped in training; above 0 it regularises."""
    hidden: int = 0
    """Hidden units of the gate's MLP; 0 makes the gate linear."""
    l1: float = 0.01
    """Weight of the mean gate in the loss: larger closes the gate where it does not pay."""

    REMOVABLE: ClassVar[bool] = True
    NEEDS: ClassVar[tuple[str, ...]] = ("layers",)
    GRADED: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check(self.rank, self.dropout)
        for key in ("hidden", "l1"):
            if getattr(self, key) < 0:
                raise SpecError(key, "must not be negative.")

    def attach(self, model: Any, *, seed: int, place: int) -> GatedReplacement:
        """A fresh edit, the identity until trained, its gate half open."""
        import torch

        tensors = start(model, self.rank, seed)
        width, source = tensors["R"].shape[1], torch.Generator().manual_seed(seed + 1)
        tensors |= {"v": torch.zeros(width), "c": torch.zeros(1)}
        if self.hidden:
            tensors["A"] = torch.randn(self.hidden, width, generator=source) / width**0.5
            tensors["v"] = torch.randn(self.hidden, generator=source) / self.hidden**0.5
        edit = GatedReplacement(
            model,
            place=place,
            row=named_row(self.row),
            tensors=tensors,
            settings={"dropout": self.dropout, "l1": self.l1, "hidden": self.hidden},
        )
        edit.trainable(True)
        return edit

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> GatedReplacement:
        """The saved edit."""
        return GatedReplacement.open(model, folder, place=place)


class GatedReplacement(Replacement, SequenceIntervention):
    """An attached gated edit; it looks at no past, only at which tokens are real."""

    TENSORS: ClassVar[tuple[str, ...]] = ("R", "W", "b", "v", "c", "A")

    @classmethod
    def names(cls, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """A linear gate has no A."""
        return cls.TENSORS if settings["hidden"] else cls.TENSORS[:-1]

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
        self._opened: list[Tensor] = []

    def gate(self, rows: Tensor) -> Tensor:
        """g(h), (…, width) -> (…)."""
        import torch

        held = self.held
        inner = torch.tanh(rows @ held.A.T) if self.settings["hidden"] else rows
        value: Tensor = (inner @ held.v + held.c).sigmoid()
        return value

    def edited(self, rows: Tensor) -> Tensor:
        """h + g(h) Δh."""
        import torch

        gate = self.gate(rows)
        if torch.is_grad_enabled() and self.held.training and self.called:
            self._opened.append(gate[self.real()])
        return rows + gate[..., None] * self.change(rows)

    def penalty(self) -> Tensor | None:
        """l1 times the mean gate over the tokens read since the last call."""
        import torch

        opened, self._opened = self._opened, []
        return self.settings["l1"] * torch.cat(opened).mean() if opened else None
