"""RMU: steer one row of the forget texts to a fixed random direction, hold it on the retain texts.

Li et al. 2024, arXiv 2403.03218: ‖h − c·u‖² on forget tokens plus α·‖h − h_ref‖² on retain tokens.
Here both are shares of ‖h_ref‖² of the same token, and c counts norms of h_ref, so that one setting
serves models and rows of any scale. u is a unit vector of a normal draw: all directions are equally
likely, not those of one orthant alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.core.seeds import derive
from residue.edits.terms import check_numbers

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


@dataclass(frozen=True)
class Objective:
    """Steering of a row to c·‖h_ref‖·u on forget texts, and to itself on retain texts."""

    row: int = 3
    """The steered row; only the edit's weights below it can follow, those above stay idle."""
    coefficient: float = 2.0
    """c: length of the target in norms of the row before the edit; larger scrambles more."""
    retain_weight: float = 10.0
    """Weight (α) of holding the row on retain texts."""
    direction: int = 0
    """Number of the random direction u; it and the width give the same u everywhere."""

    ROLES: ClassVar[tuple[str, ...]] = ("forget", "retain")

    def __post_init__(self) -> None:
        check_numbers(self, above_zero=("coefficient",))

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts: forget, retain, and the cosine between forget rows and u."""
        forget, retain = step.forget.rows(self.row), step.retain.rows(self.row)
        u = direction(self.direction, forget.policy.shape[1]).to(forget.policy)
        norms = forget.reference.norm(dim=1, keepdim=True)
        steered = _shares(forget.policy, self.coefficient * norms * u, forget.reference)
        held = _shares(retain.policy, retain.reference, retain.reference)
        said, kept = step.forget.read_mean(steered), step.retain.read_mean(held)
        along = (forget.policy @ u) / forget.policy.norm(dim=1)
        parts = {"forget": said, "retain": kept, "along": step.forget.read_mean(along.detach())}
        return said + self.retain_weight * kept, parts


def direction(number: int, width: int) -> Tensor:
    """The unit vector u, (width,) float32."""
    import torch

    source = torch.Generator().manual_seed(derive("rmu", number, width))
    drawn = torch.randn(width, generator=source)
    unit: Tensor = drawn / drawn.norm()
    return unit


def _shares(rows: Tensor, targets: Tensor, reference: Tensor) -> Tensor:
    """‖h − target‖² / ‖h_ref‖² of each token, (N,)."""
    shares: Tensor = (rows - targets).square().sum(dim=1) / reference.square().sum(dim=1)
    return shares
