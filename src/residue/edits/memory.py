"""Training in less memory: the base in four bits, and blocks computed again instead of kept.

NF4 with double quantisation (Dettmers et al. 2023, arXiv 2305.14314): 4 bits a weight, one 8-bit
scale for 64 weights and one float32 scale for 256 scales, 4.127 bits in all. Gradient checkpointing
(Chen et al. 2016, arXiv 1604.06174) keeps a block's input alone and runs the block again in the
backward pass; on one device it changes no number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from residue.models.blocks import describe
from residue.models.lean import replaced

if TYPE_CHECKING:
    import torch
    from torch import Tensor

BLOCK = 64
"""Weights that share a scale under nf4, the published size."""


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


@contextmanager
def base_in_nf4(model: Any) -> Iterator[None]:
    """The linear layers of the blocks in NF4 for a while; the weights come back to the bit.

    Only layers that take no gradient are packed, so an edit's own weights stay as they are. Their
    weights wait in the host's memory meanwhile; a product unpacks its layer, in the backward pass
    anew.
    """
    import torch

    layers = [
        module
        for block in describe(model).blocks
        for module in block.modules()
        if isinstance(module, torch.nn.Linear) and not module.weight.requires_grad
    ]
    with ExitStack() as stack:
        for layer in layers:
            small = packed(layer.weight, double=True)
            stack.enter_context(replaced(layer, "forward", partial(product, small, layer.bias)))
            stack.enter_context(_aside(layer.weight))
        yield


@contextmanager
def blocks_again(model: Any) -> Iterator[None]:
    """Every block computed anew in the backward pass instead of kept, for a while."""
    from torch.utils.checkpoint import checkpoint

    with ExitStack() as stack:
        for block in describe(model).blocks:
            again = partial(checkpoint, block.forward, use_reentrant=False)
            stack.enter_context(replaced(block, "forward", again))
        yield


@contextmanager
def _aside(weight: Tensor) -> Iterator[None]:
    """A weight's values in the host's memory for a while; on the CPU they stay where they are."""
    device = weight.device
    weight.data = weight.data.cpu()
    try:
        yield
    finally:
        weight.data = weight.data.to(device)


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
