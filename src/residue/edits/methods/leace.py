"""LEACE: the smallest edit of a row after which no linear classifier tells a concept.

r(x) = x − W⁺ P W (x − E x) with W = Σxx^(−1/2) (pseudo-inverse root) and P the orthogonal projector
on the column space of W Σxz, z the concept's indicator (Belrose et al. 2023, arXiv 2306.03819,
theorem 4.3). Then Cov(r(x), z) = 0, which is equivalent to: no linear predictor of z beats a
constant. It is linear only: a non-linear reader may still find the concept.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from residue.edits.scrubs import Scrub, one_hot

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.fitting import FitData

TOLERANCE = 1e-10
"""Share of the largest eigenvalue or singular value below which one counts as 0, in float64."""


@dataclass(frozen=True)
class Edit:
    """A linear scrub of a concept in one row."""

    row: int | None = None
    """Residual row that is scrubbed; null takes the best of the chosen rows."""
    concept: Literal["set", "country", "language", "relation"] = "set"
    """What is scrubbed: ``set`` whether a row is to be forgotten or kept; ``country`` whose fact it
    is, among the forget rows; ``language`` and ``relation`` among all."""

    REMOVABLE: ClassVar[bool] = True
    NEEDS: ClassVar[tuple[str, ...]] = ("layers",)
    GRADED: ClassVar[bool] = True

    def fit(self, model: Any, tokenizer: Any, data: FitData, *, seed: int, place: int) -> Scrub:
        """The eraser of the concept in the row at the ends of prompts."""
        import torch

        row = data.row(self.row)
        sets = ("forget",) if self.concept == "country" else ("forget", "retain")
        x = torch.cat([data.rows(name, row) for name in sets])
        parts = [data.frame[data.frame["set"] == name] for name in sets]
        labels = [str(each) for part in parts for each in part[self.concept]]
        return Scrub(model, place=place, row=row, tensors=eraser(x, one_hot(labels)))

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> Scrub:
        """The saved scrub."""
        return Scrub.open(model, folder, place=place)


def eraser(x: Tensor, z: Tensor) -> dict[str, Tensor]:
    """U = W⁺Q, V = QᵀW and m = E x, with Q an orthonormal basis of the columns of W Σxz.

    x: (n, width) rows, z: (n, k) concept. Worked out in float64, given in float32.
    """
    import torch

    x, z = x.double(), z.double()
    m = x.mean(dim=0)
    centred, concept = x - m, z - z.mean(dim=0)
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(x))
    kept = values > TOLERANCE * values.max()
    vectors, roots = vectors[:, kept], values[kept].sqrt()
    whiten, unwhiten = (vectors / roots) @ vectors.T, (vectors * roots) @ vectors.T
    basis, sizes, _ = torch.linalg.svd(whiten @ (centred.T @ concept) / len(x), full_matrices=False)
    q = basis[:, sizes > max(TOLERANCE * float(sizes.max()), TOLERANCE)]
    if not q.shape[1]:
        raise ValueError("the rows hold nothing linear of this concept, so nothing can be scrubbed")
    return {"U": (unwhiten @ q).float(), "V": (q.T @ whiten).float(), "m": m.float()}
