"""Muon, the optimiser of matrices inside blocks (Jordan et al. 2024, "Muon: an optimizer for hidden
layers in neural networks").

It replaces the momentum of a matrix by the nearest matrix with orthonormal rows or columns, found
by Newton–Schulz iterations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of Jordan et al.: steepest at zero among those that keep singular values in about
[0.7, 1.2]; the result is near orthogonal, not exactly."""


def orthogonalise(matrices: Tensor, iterations: int) -> Tensor:
    """Nearly orthonormal matrices with the singular vectors of the given ones.

    matrices: (batch, rows, columns), rows <= columns. Each iteration maps every singular value s,
    first scaled below 1, to a·s + b·s³ + c·s⁵. Zero matrices stay zero.
    """
    import torch

    a, b, c = QUINTIC
    norms = torch.linalg.vector_norm(matrices, dim=(1, 2), keepdim=True)
    x: Tensor = matrices / norms.clamp_min(1e-12)
    for _ in range(iterations):
        gram = torch.bmm(x, x.transpose(1, 2))
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return x


class Muon:
    """Muon over stacks of equally shaped matrices.

    stacks: tensors (count, rows, columns); matrices of one shape (or its transpose) in different
    stacks are orthogonalised in one batch.
    """

    def __init__(
        self, stacks: Sequence[Tensor], *, momentum: float, weight_decay: float, iterations: int
    ) -> None:
        import torch

        self.stacks = tuple(stacks)
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.iterations = iterations
        self.velocity = tuple(torch.zeros_like(stack) for stack in self.stacks)

    def step(self, gradients: Sequence[Tensor], rate: float) -> None:
        """One update; gradients are shaped like the stacks."""
        import torch

        flat: dict[tuple[int, int], list[tuple[int, Tensor]]] = {}
        for index, gradient in enumerate(gradients):
            velocity = self.velocity[index]
            velocity.lerp_(gradient, 1.0 - self.momentum)
            nesterov = torch.lerp(gradient, velocity, self.momentum)
            wide = nesterov if _is_wide(nesterov) else nesterov.transpose(1, 2)
            flat.setdefault((wide.shape[1], wide.shape[2]), []).append((index, wide))
        for members in flat.values():
            stacked = torch.cat([matrix for _, matrix in members])
            parts = orthogonalise(stacked, self.iterations).split(
                [len(matrix) for _, matrix in members]
            )
            for (index, _), part in zip(members, parts, strict=True):
                self._apply(self.stacks[index], part, rate)

    def _apply(self, stack: Tensor, update: Tensor, rate: float) -> None:
        rows, columns = stack.shape[1:]
        scale = max(1.0, rows / columns) ** 0.5
        stack.mul_(1.0 - rate * self.weight_decay)
        stack.add_(update if _is_wide(stack) else update.transpose(1, 2), alpha=-rate * scale)

    def state(self) -> tuple[Tensor, ...]:
        """The tensors that, with the weights, decide every later step."""
        return self.velocity


def _is_wide(matrices: Tensor) -> bool:
    return bool(matrices.shape[1] <= matrices.shape[2])
