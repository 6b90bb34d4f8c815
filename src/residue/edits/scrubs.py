"""Affine maps of a row that take information out of it, in factors."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from residue.edits.intervention import Intervention

if TYPE_CHECKING:
    from torch import Tensor


class Scrub(Intervention):
    """h ← h − U V (h − m): what V reads of h is taken away along U.

    U: (width, rank), V: (rank, width), m: (width,).
    """

    TENSORS: ClassVar[tuple[str, ...]] = ("U", "V", "m")

    def edited(self, rows: Tensor) -> Tensor:
        """The row without what the scrub reads."""
        held = self.held
        scrubbed: Tensor = rows - (rows - held.m) @ held.V.T @ held.U.T
        return scrubbed


def one_hot(labels: list[str]) -> Tensor:
    """Labels as columns of 0 and 1 in sorted order, (n, classes) float64."""
    import torch

    classes = {name: i for i, name in enumerate(sorted(set(labels)))}
    return torch.eye(len(classes), dtype=torch.float64)[[classes[name] for name in labels]]
