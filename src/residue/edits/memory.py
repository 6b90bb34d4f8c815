"""Training in less memory: the base in four bits, and blocks computed again instead of kept.

What NF4 is stands in `residue.models.packing`. Gradient checkpointing (Chen et al. 2016, arXiv
1604.06174) keeps a block's input alone and runs the block again in the backward pass; on one device
it changes no number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from residue.models.blocks import describe
from residue.models.lean import replaced
from residue.models.packing import is_held, packed, product

if TYPE_CHECKING:
    from torch import Tensor


@contextmanager
def base_in_nf4(model: Any) -> Iterator[None]:
    """The linear layers of the blocks in NF4 for a while; the weights come back to the bit.

    Only the model's own layers that take no gradient are packed, so no edit's weights are; a layer
    that was loaded in NF4 is so already. Their weights wait in the host's memory meanwhile; a
    product unpacks its layer, in the backward pass anew.
    """
    import torch

    layers = [
        module
        for block in describe(model).blocks
        for path, module in block.named_modules()
        if isinstance(module, torch.nn.Linear)
        and not module.weight.requires_grad
        and "lora_" not in path
        and not is_held(module)
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
