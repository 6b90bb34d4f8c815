"""How much memory a job will take, from a model's config alone: no weights are read.

Weights in NF4 with double quantisation take 4 + 8/64 + 32/(64·256) = 4.127 bits (Dettmers et al.
2023, arXiv 2305.14314), all else its own format. Training adds the adapter with gradient and two
moments, what the backward pass keeps of every block (or, recomputed, each block's input and one
block at a time; Chen et al. 2016, arXiv 1604.06174), and the logits of supervised tokens in the
model's format, in float32 and as gradient. What a block keeps is counted, not guessed: its forward
pass is run on torch's meta device, whose tensors have sizes and no content. A card adds its context
and some fragmentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from residue.models.blocks import describe
from residue.models.lean import replaced

if TYPE_CHECKING:
    from torch import Tensor

GIB = 1024**3
NF4_BITS = 4 + 8 / 64 + 32 / (64 * 256)
WARN, FULL = 0.9, 1.0
"""Shares of the limit above which a plan warns and refuses."""
CONTEXT = 0.45 * GIB
"""What CUDA itself takes on a card, 0.3 to 0.6 GiB."""
FRAGMENTS = 0.07
"""Share of a card's tensors that is lost between them, 5 to 10 %."""
WIDE = 4
"""Bytes of a float32."""


class MemoryPlanError(RuntimeError):
    """A job that cannot fit; the message says by how much and the mend."""


@dataclass(frozen=True)
class Shape:
    """What of a model decides its memory; made by `shape_of`."""

    layers: int
    width: int
    vocabulary: int
    linear: int
    """Weights of the blocks' linear layers."""
    other: int
    """All other weights: embeddings, norms, biases, and the head where it is untied."""
    sides: int
    """Inputs plus outputs of those linear layers, summed: LoRA's weights per rank."""
    largest: int
    """Weights of the largest of them."""
    bytes: int
    """Of a number of the model's format."""

    def lora(self, rank: int) -> int:
        """Weights of an adapter on every linear layer of the blocks."""
        return rank * self.sides


@dataclass(frozen=True)
class Plan:
    """Bytes of one job at its peak, part by part."""

    weights: float
    adapter: float
    """The edit's weights and their gradient."""
    optimiser: float
    activations: float
    logits: float
    overhead: float

    @property
    def total(self) -> float:
        """The sum of the parts."""
        return sum(float(getattr(self, part.name)) for part in fields(self))


def shape_of(config: Any, dtype: str) -> Shape:
    """The shape of the model that a `transformers` config describes; dtype: as it is loaded."""
    model = on_meta(config, dtype)
    layers: list[Any] = [
        module
        for block in describe(model).blocks
        for module in block.modules()
        if getattr(module, "weight", None) is not None
    ]
    layers = [module for module in layers if module.weight.dim() == 2]
    linear = sum(layer.weight.numel() for layer in layers)
    whole = sum(weight.numel() for weight in model.parameters())
    architecture = describe(model)
    return Shape(
        layers=architecture.n_blocks,
        width=architecture.width,
        vocabulary=int(architecture.unembedding.weight.shape[0]),
        linear=linear,
        other=whole - linear,
        sides=sum(sum(layer.weight.shape) for layer in layers),
        largest=max(layer.weight.numel() for layer in layers),
        bytes=next(model.parameters()).element_size(),
    )


def on_meta(config: Any, dtype: str) -> Any:
    """A model of sizes without content."""
    import torch

    from residue.models.lean import lean_transformers

    lean_transformers()
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype)).eval()


def kept_bytes(model: Any, sequences: int, length: int) -> tuple[int, int]:
    """Bytes that the backward pass needs of all blocks, and of the greediest one alone.

    model: with its edit attached, on any device; sequences, length: of the padded batch.
    """
    import torch

    backbone = model.base_model
    device = next(model.parameters()).device
    ids = torch.zeros(sequences, length, dtype=torch.int64, device=device)
    # A whole mask: of a short one the model would ask the content, which meta tensors lack.
    mask = torch.ones(sequences, 1, length, length, dtype=torch.bool, device=device).tril()
    own = {_place(weight) for weight in model.parameters()}
    seen: dict[int, int] = {}
    alive: list[Tensor] = []
    ends: list[int] = []

    def keep(tensor: Tensor) -> Tensor:
        place = _place(tensor)
        if place not in own and place not in seen:
            seen[place] = tensor.untyped_storage().nbytes()
            alive.append(tensor)  # else another tensor may be given its place
        return tensor

    handles = [
        block.register_forward_hook(lambda *_: ends.append(sum(seen.values())))
        for block in describe(model).blocks
    ]
    try:
        with (
            _fused_attention(device.type),
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        ):
            backbone(input_ids=ids, attention_mask=mask, use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    steps = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
    return sum(seen.values()), max(steps)


@contextmanager
def _fused_attention(device: str) -> Iterator[None]:
    """On the meta device torch spells attention out and would keep its (length × length) scores;
    for a while it keeps what the fused kernels of real devices do: queries, keys, values, the
    output and one float32 for each query."""
    if device != "meta":
        yield
        return
    import torch

    class Fused(torch.autograd.Function):
        """The sizes of fused attention."""

        @staticmethod
        def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            out = q.new_empty(*q.shape[:-1], v.shape[-1])
            ctx.save_for_backward(q, k, v, out, q.new_empty(q.shape[:-1], dtype=torch.float32))
            return out

        @staticmethod
        def backward(ctx: Any, *slopes: Tensor) -> Any:
            raise NotImplementedError("sizes are counted forwards only")

    def attention(q: Tensor, k: Tensor, v: Tensor, *_: Any, **__: Any) -> Tensor:
        made: Tensor = Fused.apply(q, k, v)  # type: ignore[no-untyped-call]
        return made

    with replaced(torch.nn.functional, "scaled_dot_product_attention", attention):
        yield


def _place(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def weight_bytes(shape: Shape, base: str) -> float:
    """Of the frozen model; base: ``full`` or ``nf4``, whose other weights take 16 bits."""
    if base == "nf4":
        return shape.linear * NF4_BITS / 8 + shape.other * 2
    return float((shape.linear + shape.other) * shape.bytes)


def training(
    shape: Shape,
    kept: tuple[int, int],
    *,
    trained: int,
    tokens: int,
    supervised: int,
    base: str = "full",
    recompute: bool = False,
    moments: int = 32,
    card: bool = True,
) -> Plan:
    """Peak of one update.

    kept: as `kept_bytes` gives it for the tokens of one micro-batch; trained: weights that take
    gradients; tokens: padded ones of the micro-batch; supervised: its answer tokens; moments: bits
    of a mean and of a square per weight, of all that are kept.
    """
    everything, one = kept
    held = shape.layers * tokens * shape.width * shape.bytes + one if recompute else everything
    return _with_overhead(
        Plan(
            weights=weight_bytes(shape, base),
            adapter=trained * 2 * WIDE,
            optimiser=trained * 2 * moments / 8,
            activations=held + _unpacked(shape, base),
            logits=supervised * shape.vocabulary * (shape.bytes + 2 * WIDE),
            overhead=0,
        ),
        card,
    )


def opening(shape: Shape, *, base: str = "full", card: bool = True) -> Plan:
    """Peak of bringing a model from its files to where it is worked with.

    Under ``nf4`` the largest layer is there beside the packed model: as read, and twice in float32.
    """
    beside = shape.largest * (shape.bytes + 2 * WIDE) if base == "nf4" else 0
    return _with_overhead(
        Plan(
            weights=weight_bytes(shape, base),
            adapter=0,
            optimiser=0,
            activations=beside,
            logits=0,
            overhead=0,
        ),
        card,
    )


def reading(
    shape: Shape, *, one: int, tokens: int, logits: int, base: str = "full", card: bool = True
) -> Plan:
    """Peak of a forward pass that keeps the rows of every block.

    one: what one block needs at a time; logits: numbers of them that are there at once.
    """
    rows = (shape.layers + 1) * tokens * shape.width * shape.bytes
    return _with_overhead(
        Plan(
            weights=weight_bytes(shape, base),
            adapter=0,
            optimiser=0,
            activations=rows + one + _unpacked(shape, base),
            logits=logits * (shape.bytes + WIDE),
            overhead=0,
        ),
        card,
    )


def _unpacked(shape: Shape, base: str) -> int:
    """What a product with a packed layer needs beside it."""
    return 2 * shape.largest * shape.bytes if base == "nf4" else 0


def _with_overhead(plan: Plan, card: bool) -> Plan:
    return replace(plan, overhead=CONTEXT + FRAGMENTS * plan.total) if card else plan


def verdict(plan: Plan, limit: float) -> str:
    """``fits``, ``tight`` (above `WARN` of the limit) or ``too large``; limit: bytes."""
    share = plan.total / limit
    return "too large" if share > FULL else "tight" if share > WARN else "fits"
