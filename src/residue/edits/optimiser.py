"""AdamW on an edit's weights as one flat vector: many small weights, one operation for all.

Gradients of unlike size and direction can keep moments of their own on the same weights, in the
manner of Zhong et al. 2025, arXiv 2504.15827: each is then divided by its own spread alone. One
update is one step of each, in a fixed order, so all count updates alike and decay acts once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from residue.models.adamw import AdamW

if TYPE_CHECKING:
    from torch import Tensor


class FlatAdamW:
    """Holds the weights as views of `flat` and their gradients as views of `gradient`."""

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        *,
        weight_decay: float,
        bits: int = 32,
        shares: Sequence[float] = (1.0,),
    ) -> None:
        """bits: of each moment; 8 are kept by bitsandbytes, on a card in paged memory; shares: of
        the rate, one for each of those who keep moments of their own, in the order of their
        turns."""
        import torch

        self.count = 0
        self.flat = torch.cat([weight.detach().reshape(-1) for weight in weights.values()])
        self.gradient = torch.zeros_like(self.flat)
        kind = AdamW if bits == 32 else _Bytes
        self._shares = tuple(shares)
        # The first one alone decays, by the whole rate.
        decays = [weight_decay / self._shares[0], *[0.0] * (len(self._shares) - 1)]
        self._adams: list[Any] = [kind([self.flat], weight_decay=decay) for decay in decays]
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

    def step(self, rate: float, turn: int = 0) -> None:
        """The step of one of them at a learning rate; the gradient is cleared. Turn 0 begins the
        next update."""
        self.count += turn == 0
        self._adams[turn].step([self.gradient], rate * self._shares[turn], self.count)
        self.gradient.zero_()

    def state(self) -> dict[str, Tensor]:
        """Weights and moments, (number of weights,) each, and the scales of moments in 8 bits; with
        `count` all that a resume needs."""
        found = {"flat": self.flat}
        for turn, adam in enumerate(self._adams):
            names = ("mean", "square", "mean_scales", "square_scales")
            found |= {
                f"{name}_{turn}" if turn else name: moment
                for name, moment in zip(names, adam.state(), strict=False)
            }
        return found

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
