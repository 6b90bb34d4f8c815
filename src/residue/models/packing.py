"""Linear layers in NF4: 4 bits a weight, unpacked for each product.

NF4 with double quantisation (Dettmers et al. 2023, arXiv 2305.14314): sixteen levels, one 8-bit
scale for 64 weights and one float32 scale for 256 scales, 4.127 bits in all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

BLOCK = 64
"""Weights that share a scale under nf4, the published size."""
HELD = "packed_weight"
"""Attribute under which a layer that was loaded in NF4 keeps its `Packed` weight."""


class PackedWeightError(ValueError):
    """Something wants to change or write whole weights of a model that holds them in NF4."""


@dataclass(frozen=True)
class Packed:
    """A weight in NF4: `codes` hold two weights a byte, `state` the scales of bitsandbytes."""

    codes: Tensor
    state: Any
    shape: torch.Size
    dtype: torch.dtype

    @property
    def bytes(self) -> int:
        """What codes and scales take."""
        scales = self.state.absmax.nbytes
        if self.state.nested:
            scales += self.state.state2.absmax.nbytes
        return int(self.codes.nbytes + scales)

    def unpacked(self) -> Tensor:
        """The weight as its codes give it back."""
        import bitsandbytes.functional as bnb

        back: Tensor = bnb.dequantize_4bit(self.codes, self.state)
        return back[:, : self.shape.numel()].reshape(self.shape).to(self.dtype)


def packed(weight: Tensor, *, double: bool) -> Packed:
    """A weight (out, in) in NF4; double: quantise the scales as well."""
    import bitsandbytes.functional as bnb
    import torch

    # One row of whole blocks: they run over the flat weight anyway, and bitsandbytes 0.50 on the
    # CPU gives wrong values back for rows that are no multiple of a block.
    flat = weight.detach().float().reshape(1, -1)
    whole = torch.nn.functional.pad(flat, (0, -flat.shape[1] % BLOCK)).contiguous()
    codes, state = bnb.quantize_4bit(
        whole, blocksize=BLOCK, quant_type="nf4", compress_statistics=double
    )
    return Packed(codes, state, weight.shape, weight.dtype)


def hold(layer: torch.nn.Linear, small: Packed) -> None:
    """Let a packed weight take the place of a linear layer's own for good.

    What stays under `weight` has the shape and takes no memory: it reads as NaN and cannot be
    written, so that whatever overlooks the packed weight is noticed.
    """
    import torch

    nothing = torch.full((), torch.nan, dtype=small.dtype, device=small.codes.device)
    layer.weight = torch.nn.Parameter(nothing.expand(small.shape), requires_grad=False)
    setattr(layer, HELD, small)
    layer.forward = partial(product, small, layer.bias)  # type: ignore[method-assign]


def is_held(layer: Any) -> bool:
    """Whether a layer's weight is a packed one that `hold` put there."""
    return hasattr(layer, HELD)


def require_whole(model: Any, what: str) -> None:
    """`PackedWeightError` where a layer of the model holds its weight in NF4; what: in words, who
    needs whole weights."""
    if any(is_held(module) for module in model.modules()):
        raise PackedWeightError(
            f"{what} needs whole weights, and this model is held in NF4; set model.load.weights: "
            "full, or leave it out"
        )


def product(small: Packed, bias: Tensor | None, inputs: Tensor) -> Tensor:
    """What a linear layer whose weight is packed gives, (..., in) -> (..., out)."""
    out: Tensor = _operation().apply(inputs, small)
    return out if bias is None else out + bias


@cache
def _operation() -> Any:
    """The product of inputs with a packed weight, for autograd (torch is imported by then)."""
    import torch

    class Product(torch.autograd.Function):
        """x Wᵀ; only the codes of W are kept for the gradient."""

        @staticmethod
        def forward(ctx: Any, inputs: Tensor, small: Packed) -> Tensor:
            ctx.small = small
            return inputs @ small.unpacked().T

        @staticmethod
        def backward(ctx: Any, slope: Tensor) -> Any:
            return slope @ ctx.small.unpacked(), None

    return Product
