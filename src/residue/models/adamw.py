"""AdamW on a list of tensors, in place.

Written out because `torch.optim` imports the whole compiler when the first optimiser is made,
nearly a second per job.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

EPSILON = 1e-8


class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv 1711.05101)."""

    def __init__(
        self,
        tensors: Sequence[Tensor],
        *,
        weight_decay: float,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        import torch

        self.tensors = tuple(tensors)
        self.weight_decay = weight_decay
        self.betas = betas
        self.mean = tuple(torch.zeros_like(tensor) for tensor in self.tensors)
        self.square = tuple(torch.zeros_like(tensor) for tensor in self.tensors)

    def step(self, gradients: Sequence[Tensor], rate: float, number: int) -> None:
        """Update number `number`, counted from 1."""
        first, second = self.betas
        first_scale = 1.0 - first**number
        second_scale = (1.0 - second**number) ** 0.5
        for tensor, gradient, mean, square in zip(
            self.tensors, gradients, self.mean, self.square, strict=True
        ):
            mean.lerp_(gradient, 1.0 - first)
            square.mul_(second).addcmul_(gradient, gradient, value=1.0 - second)
            spread = square.sqrt().div_(second_scale).add_(EPSILON)
            tensor.mul_(1.0 - rate * self.weight_decay)
            tensor.addcdiv_(mean, spread, value=-rate / first_scale)

    def state(self) -> tuple[Tensor, ...]:
        """The tensors that, with the weights and the step number, decide every later step."""
        return (*self.mean, *self.square)
