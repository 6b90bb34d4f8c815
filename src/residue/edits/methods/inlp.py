"""INLP: the directions of one linear classifier after another are projected off a row.

Each round fits a logistic regression of forget against retain rows on what the rounds before left,
and adds its weight to the null directions B: h ← h − B Bᵀ h with orthonormal B (Ravfogel et al.
2020, arXiv 2004.07667). More rounds take more than the concept; LEACE takes it with the least
change.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from residue.edits.scrubs import Scrub
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.fitting import FitData

RIDGE = 1e-3
"""Weight of the squared norm in the regression, rows scaled to unit mean square: it makes the
optimum exist where the groups can be told apart without fault."""
NEWTON_STEPS = 25


@dataclass(frozen=True)
class Edit:
    """An iterative scrub of what tells forget rows from retain rows."""

    row: int | None = None
    """Residual row that is scrubbed; null takes the best of the chosen rows."""
    rounds: int = 8
    """Directions taken off; more leave less to tell the groups apart, and less of everything."""

    REMOVABLE: ClassVar[bool] = True
    NEEDS: ClassVar[tuple[str, ...]] = ("layers",)
    GRADED: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise SpecError("rounds", "must be at least 1.")

    def fit(self, model: Any, tokenizer: Any, data: FitData, *, seed: int, place: int) -> Scrub:
        """The null directions of the row at the ends of prompts."""
        import torch

        row = data.row(self.row)
        parts = [data.rows(name, row) for name in ("forget", "retain")]
        y = torch.cat([torch.ones(len(parts[0])), torch.zeros(len(parts[1]))])
        b = directions(torch.cat(parts), y, self.rounds)
        return Scrub(model, place=place, row=row, tensors={"U": b, "V": b.T, "m": 0 * b[:, 0]})

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> Scrub:
        """The saved scrub."""
        return Scrub.open(model, folder, place=place)


def directions(x: Tensor, y: Tensor, rounds: int) -> Tensor:
    """Orthonormal null directions, (width, rounds): x (n, width), y (n,) of 0 and 1."""
    import torch

    if rounds > x.shape[1]:
        raise ValueError(f"{rounds} rounds exceed the width {x.shape[1]} of a row; take fewer")
    left = x.double() / x.double().square().mean().sqrt()
    found: list[Tensor] = []
    for _ in range(rounds):
        w = logistic(left, y.double())
        for earlier in found:  # rounding alone leaves a part along these
            w = w - (w @ earlier) * earlier
        found.append(w / w.norm())
        left = left - (left @ found[-1])[:, None] * found[-1]
    return torch.stack(found, dim=1).float()


def logistic(x: Tensor, y: Tensor) -> Tensor:
    """Weights of a ridge logistic regression with intercept, by Newton's method; (width,)."""
    import torch

    design = torch.cat([x, x.new_ones(len(x), 1)], dim=1)
    penalty = torch.full((design.shape[1],), RIDGE, dtype=x.dtype)
    penalty[-1] = 0.0
    w = x.new_zeros(design.shape[1])
    for _ in range(NEWTON_STEPS):
        p = (design @ w).sigmoid()
        gradient = design.T @ (p - y) / len(x) + penalty * w
        curve = (design * (p * (1 - p))[:, None]).T @ design / len(x) + penalty.diag()
        w = w - torch.linalg.lstsq(curve, gradient[:, None], driver="gelsd").solution[:, 0]
    return w[:-1]
