"""AdamW on an edit's weights as one flat vector: many small weights, one operation for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from residue.models.adamw import AdamW

if TYPE_CHECKING:
    from torch import Tensor


class FlatAdamW:
    """Holds the weights as views of `flat` and their gradients as views of `gradient`."""

    def __init__(
        self, weights: Mapping[str, Tensor], *, weight_decay: float, bits: int = 32
    ) -> None:
        """bits: of each moment; 8 are kept by bitsandbytes, on a card in paged memory."""
        import torch

        self.count = 0
        self.flat = torch.cat([weight.detach().reshape(-1) for weight in weights.values()])
        self.gradient = torch.zeros_like(self.flat)
        kind = AdamW if bits == 32 else _Bytes
        self._adam: Any = kind([self.flat], weight_decay=weight_decay)
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
        """Weights and moments, (number of weights,) each, and the scales of moments in 8 bits; with
        `count` all that a resume needs."""
        names = ("mean", "square", "mean_scales", "square_scales")
        return {"flat": self.flat, **dict(zip(names, self._adam.state(), strict=False))}

    def restore(self, state: Mapping[str, Tensor], count: int) -> None:
        """Continue from a state of the same weights."""
        for name, own in self.state().items():
            own.copy_(state[name])
        self.count = count


class _Bytes:
    """AdamW with moments of 8 bits, a scale for 256 of each (Dettmers et al. 2022, arXiv
    2110.02861), in memory that a card may page out; the same calls as `AdamW`."""

    def __init__(self, tensors: Any, *, weight_decay: float) -> None:
        import bitsandbytes as bnb
        import torch

        (flat,) = tensors
        self._weights = torch.nn.Parameter(flat, requires_grad=False)
        paged = flat.device.type == "cuda"
        kind = bnb.optim.PagedAdamW8bit if paged else bnb.optim.AdamW8bit
        self._inner = kind([self._weights], lr=0.0, weight_decay=weight_decay, min_8bit_size=1)
        # An update at rate 0 from a gradient of 0 makes the moments and changes no weight.
        self.step([torch.zeros_like(flat)], 0.0, 1)

    def step(self, gradients: Any, rate: float, number: int) -> None:
        """Update number `number`, counted from 1."""
        self._inner.param_groups[0]["lr"] = rate
        if self._weights in self._inner.state:
            self._inner.state[self._weights]["step"] = number - 1
        self._weights.grad = gradients[0]
        self._inner.step()
        self._weights.grad = None

    def state(self) -> tuple[Tensor, ...]:
        """Moments and their scales."""
        own = self._inner.state[self._weights]
        return tuple(own[name] for name in ("state1", "state2", "absmax1", "absmax2"))
