"""AdamW on an edit's weights as one flat vector: many small weights, one operation for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from residue.models.adamw import AdamW

if TYPE_CHECKING:
    from torch import Tensor


class FlatAdamW:
    """Holds the weights as views of `flat` and their gradients as views of `gradient`."""

    def __init__(self, weights: Mapping[str, Tensor], *, weight_decay: float) -> None:
        import torch

        self.count = 0
        self.flat = torch.cat([weight.detach().reshape(-1) for weight in weights.values()])
        self.gradient = torch.zeros_like(self.flat)
        self._adam = AdamW([self.flat], weight_decay=weight_decay)
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
        self._adam.step([self.gradient], rate, self.count)
        self.gradient.zero_()

    def state(self) -> dict[str, Tensor]:
        """Weights and moments, (number of weights,) each; with `count` all that a resume needs."""
        mean, square = self._adam.state()
        return {"flat": self.flat, "mean": mean, "square": square}

    def restore(self, state: Mapping[str, Tensor], count: int) -> None:
        """Continue from a state of the same weights."""
        for name, own in self.state().items():
            own.copy_(state[name])
        self.count = count
