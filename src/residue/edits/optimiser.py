"""AdamW on one flat vector: the weights of an edit are many and small, one operation serves all.

Decoupled weight decay (Loshchilov & Hutter 2019, arXiv 1711.05101). Written out because
`torch.optim` imports the whole compiler when the first optimiser is made, nearly a second per job.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class AdamW:
    """Holds the weights as views of `flat` and their gradients as views of `gradient`."""

    def __init__(self, weights: Mapping[str, Tensor], *, weight_decay: float) -> None:
        import torch

        self.weight_decay = weight_decay
        self.count = 0
        self.flat = torch.cat([weight.detach().reshape(-1) for weight in weights.values()])
        self.gradient = torch.zeros_like(self.flat)
        self.mean = torch.zeros_like(self.flat)
        self.square = torch.zeros_like(self.flat)
        at = 0
        for weight in weights.values():
            span = slice(at, at + weight.numel())
            weight.data = self.flat[span].view_as(weight)
            weight.grad = self.gradient[span].view_as(weight)
            at = span.stop

    def clip(self, largest: float) -> float:
        """Norm of the gradient, which is then scaled down to `largest` if it is longer."""
        norm = float(self.gradient.norm())
        if norm > largest:
            self.gradient.mul_(largest / norm)
        return norm

    def step(self, rate: float) -> None:
        """One update at a learning rate; the gradient is cleared."""
        self.count += 1
        first, second = BETAS
        self.mean.lerp_(self.gradient, 1 - first)
        self.square.mul_(second).addcmul_(self.gradient, self.gradient, value=1 - second)
        scale = (self.square / (1 - second**self.count)).sqrt_().add_(EPSILON)
        self.flat.mul_(1 - rate * self.weight_decay)
        self.flat.addcdiv_(self.mean, scale, value=-rate / (1 - first**self.count))
        self.gradient.zero_()

    def state(self) -> dict[str, Tensor]:
        """Weights and moments, (number of weights,) each; with `count` all that a resume needs."""
        return {"flat": self.flat, "mean": self.mean, "square": self.square}

    def restore(self, state: Mapping[str, Tensor], count: int) -> None:
        """Continue from a state of the same weights."""
        for name, own in self.state().items():
            own.copy_(state[name])
        self.count = count
