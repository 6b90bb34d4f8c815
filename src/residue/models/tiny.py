"""The embedded model as it is trained: a Llama whose weights lie in a few stacked tensors.

Same function as `transformers.LlamaForCausalLM` (a test compares logits), about twice as fast to
train on one CPU thread: right-padded causal batches need no mask, the norms' gains are folded into
the matrices that follow, queries, keys and values are one product, rotary positions are one complex
product (channels paired as neighbours; `to_transformers` restores Llama's order), and the
unembedding is applied only where a token is learnt.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from residue.specs.pretrain import ModelShape

NORM_EPS = 1e-6
ROPE_BASE = 10000.0
INITIAL_SD = 0.02


class TinyLlama:
    """Weights and forward pass. Leaves: `embedding`, `unembedding` (vocabulary, width), `gains`
    (2 per block and the final one, width), and stacks of matrices (count, out, in): `attention`
    (q, k, v, o of each block), `gates` (gate, up of each block), `downs`."""

    def __init__(self, shape: ModelShape, vocabulary: int, generator: torch.Generator) -> None:
        width, ffn, blocks = shape.width, shape.ffn, shape.blocks

        def normal(*size: int) -> Tensor:
            return (torch.randn(*size, generator=generator) * INITIAL_SD).requires_grad_()

        self.shape = shape
        self.vocabulary = vocabulary
        self.embedding = normal(vocabulary, width)
        self.unembedding = normal(vocabulary, width)
        self.attention = normal(4 * blocks, width, width)
        self.gates = normal(2 * blocks, ffn, width)
        self.downs = normal(blocks, width, ffn)
        self.gains = torch.ones(2 * blocks + 1, width).requires_grad_()
        self._angles = torch.zeros(0, width // shape.heads // 2, dtype=torch.complex64)

    def matrices(self) -> tuple[Tensor, ...]:
        """Stacks that the matrix optimiser owns."""
        return self.attention, self.gates, self.downs

    def vectors(self) -> tuple[Tensor, ...]:
        """Tensors that the vector optimiser owns."""
        return self.embedding, self.unembedding, self.gains

    def named(self) -> dict[str, Tensor]:
        """All leaves by name, for saving."""
        names = ("embedding", "unembedding", "gains", "attention", "gates", "downs")
        return {name: getattr(self, name) for name in names}

    def rows(self, ids: Tensor) -> Tensor:
        """Row n, normalised but without its gain: (batch, length) -> (batch, length, width).

        ids: right-padded. Places after a sequence's end hold numbers that nothing reads.
        """
        shape = self.shape
        batch, length = ids.shape
        angles = self._rotation(length)
        x = F.embedding(ids, self.embedding)
        gains = self.gains.unbind(0)
        attention = self.attention.view(shape.blocks, 4 * shape.width, shape.width).unbind(0)
        gates = self.gates.view(shape.blocks, 2 * shape.ffn, shape.width).unbind(0)
        downs = self.downs.unbind(0)
        for block in range(shape.blocks):
            before, after = attention[block].split([3 * shape.width, shape.width])
            mixed = F.linear(_Normalise.apply(x), before * gains[2 * block])
            q, k, v = _Rotate.apply(mixed, angles, shape.heads)
            heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            joined = heads.transpose(1, 2).reshape(batch, length, shape.width)
            x = x + F.linear(joined, after)
            opened = F.linear(_Normalise.apply(x), gates[block] * gains[2 * block + 1])
            x = x + F.linear(_SwiGLU.apply(opened), downs[block])
        last: Tensor = _Normalise.apply(x)
        return last

    def logits(self, rows: Tensor) -> Tensor:
        """Logits of chosen rows, (count, width) -> (count, vocabulary)."""
        return F.linear(rows, self.unembedding * self.gains[-1])

    def _rotation(self, length: int) -> Tensor:
        if len(self._angles) < length:
            half = self._angles.shape[1]
            rates = ROPE_BASE ** (-torch.arange(half, dtype=torch.float32) / half)
            turns = torch.arange(length, dtype=torch.float32)[:, None] * rates
            self._angles = torch.polar(torch.ones_like(turns), turns)
        return self._angles[:length]


class _Normalise(torch.autograd.Function):
    """x / sqrt(mean(x²) + eps) over the last dimension; the gain is applied elsewhere."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        scale = (length.square() / x.shape[-1] + NORM_EPS).rsqrt_()
        y: Tensor = x * scale
        ctx.save_for_backward(y, scale)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        y, scale = ctx.saved_tensors
        (gradient,) = gradients
        along = (gradient * y).mean(dim=-1, keepdim=True)
        return torch.addcmul(gradient, y, along, value=-1.0).mul_(scale)


class _Rotate(torch.autograd.Function):
    """One (batch, length, 3·width) product to rotated queries, keys, and values, each (batch,
    heads, length, width/heads). A rotation's gradient is the opposite rotation."""

    @staticmethod
    def forward(ctx: Any, mixed: Tensor, angles: Tensor, heads: int) -> tuple[Tensor, ...]:
        batch, length, triple = mixed.shape
        head = triple // (3 * heads)
        parts = mixed.view(batch, length, 3, heads, head)
        pairs = torch.view_as_complex(parts[:, :, :2].reshape(batch, length, 2 * heads, -1, 2))
        turned = torch.view_as_real(pairs * angles[:, None]).view(batch, length, 2, heads, head)
        ctx.save_for_backward(angles)
        q, k = turned.permute(2, 0, 3, 1, 4)
        return q, k, parts[:, :, 2].transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (angles,) = ctx.saved_tensors
        batch, heads, length, head = gradients[0].shape
        mixed = torch.empty(batch, length, 3, heads, head)
        for index, gradient in enumerate(gradients):
            mixed[:, :, index] = gradient.transpose(1, 2)
        pairs = torch.view_as_complex(mixed[:, :, :2].view(batch, length, 2, heads, head // 2, 2))
        pairs.mul_(angles.conj()[:, None, None])
        return mixed.view(batch, length, 3 * heads * head), None, None


class _SwiGLU(torch.autograd.Function):
    """silu(gate) · up, from (…, 2·ffn) to (…, ffn)."""

    @staticmethod
    def forward(ctx: Any, opened: Tensor) -> Tensor:
        gate, up = opened.chunk(2, dim=-1)
        active = F.silu(gate)
        ctx.save_for_backward(opened, active)
        return active * up

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        opened, active = ctx.saved_tensors
        (gradient,) = gradients
        gate, up = opened.chunk(2, dim=-1)
        result = torch.empty_like(opened)
        to_gate, to_up = result.chunk(2, dim=-1)
        torch.mul(gradient, active, out=to_up)
        torch.ops.aten.silu_backward.grad_input(gradient * up, gate, grad_input=to_gate)
        return result


def to_transformers(model: TinyLlama, special: dict[str, int | None], longest: int) -> Any:
    """The same model as a `LlamaForCausalLM` in evaluation mode.

    special: `bos_token_id`, `eos_token_id`, `pad_token_id`; longest: largest position it may read.
    """
    from residue.models.lean import lean_transformers

    lean_transformers()
    from transformers.initialization import no_init_weights
    from transformers.models.llama.configuration_llama import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaForCausalLM

    shape = model.shape
    config = LlamaConfig(
        vocab_size=model.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.ffn,
        num_hidden_layers=shape.blocks,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=longest,
        rms_norm_eps=NORM_EPS,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_BASE},
        tie_word_embeddings=False,
        dtype="float32",
        **special,
    )
    with no_init_weights():
        twin = LlamaForCausalLM(config)
    twin.load_state_dict(_state(model), strict=True)
    config.architectures = [type(twin).__name__]
    return twin.eval()


def write_model(model: Any, config_file: Path, weights_file: Path) -> None:
    """Write config.json and model.safetensors of a `transformers` model to the given names.

    Equal models give equal bytes; a folder that holds both is what `transformers` loads.
    """
    model.config.to_json_file(config_file)
    save_file(model.state_dict(), weights_file, metadata={"format": "pt"})


def _state(model: TinyLlama) -> dict[str, Tensor]:
    shape = model.shape
    with torch.no_grad():
        attention = model.attention.view(shape.blocks, 4, shape.width, shape.width)
        gates = model.gates.view(shape.blocks, 2, shape.ffn, shape.width)
        # Our channel pairs are neighbours (2i, 2i+1); Llama's lie half a head apart.
        half = shape.width // shape.heads // 2
        order = (
            torch.arange(shape.width)
            .view(shape.heads, half, 2)
            .transpose(1, 2)
            .reshape(shape.width)
        )
        state = {
            "model.embed_tokens.weight": model.embedding,
            "lm_head.weight": model.unembedding,
            "model.norm.weight": model.gains[-1],
        }
        for block in range(shape.blocks):
            at = f"model.layers.{block}."
            query, key, value, out = attention[block]
            state |= {
                at + "self_attn.q_proj.weight": query[order],
                at + "self_attn.k_proj.weight": key[order],
                at + "self_attn.v_proj.weight": value,
                at + "self_attn.o_proj.weight": out,
                at + "mlp.gate_proj.weight": gates[block, 0],
                at + "mlp.up_proj.weight": gates[block, 1],
                at + "mlp.down_proj.weight": model.downs[block],
                at + "input_layernorm.weight": model.gains[2 * block],
                at + "post_attention_layernorm.weight": model.gains[2 * block + 1],
            }
        return {name: tensor.detach().clone() for name, tensor in state.items()}
