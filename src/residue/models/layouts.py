"""Where each architecture keeps its parts, as paths; shared by live models and weight files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """Module paths from the causal-LM root; `block_norm` is relative to a block."""

    blocks: str
    block_norm: str
    final_norm: str
    embedding: str
    unembedding: str
    stored_unembedding: str = ""
    """Name of the unembedding in weight files where it differs from the live module's."""
    norm: str = "rms"
    """`rms`, `rms-plus-one` (Gemma scales by 1 + weight) or `layer` (mean removed, with bias)."""
    norm_eps: str = "rms_norm_eps"
    """Config key of the norm's epsilon."""
    scaled_embedding: bool = False
    """Embeddings are multiplied by sqrt(width) before block 0 (Gemma)."""
    positions: str = ""
    """Learned positions that are added to the embeddings, where there are any."""
    added: tuple[str, ...] = ("self_attn", "mlp")
    """Modules of a block, relative to it, whose outputs it adds to its input. Where a norm stands
    between a sublayer and the sum (Gemma 2), the norm is named."""

    def paths(self, n_blocks: int) -> dict[str, str]:
        """Readable name → module path of every norm, the embedding and the unembedding."""
        named = {
            f"norm_{index}": f"{self.blocks}.{index}.{self.block_norm}" for index in range(n_blocks)
        }
        return named | {
            "final_norm": self.final_norm,
            "embedding": self.embedding,
            "unembedding": self.unembedding,
        }


_LLAMA = Layout(
    blocks="model.layers",
    block_norm="input_layernorm",
    final_norm="model.norm",
    embedding="model.embed_tokens",
    unembedding="lm_head",
)

LAYOUTS: dict[str, Layout] = {
    "llama": _LLAMA,
    "qwen2": _LLAMA,
    "gemma2": Layout(
        blocks="model.layers",
        block_norm="input_layernorm",
        final_norm="model.norm",
        embedding="model.embed_tokens",
        unembedding="lm_head",
        norm="rms-plus-one",
        scaled_embedding=True,
        added=("post_attention_layernorm", "post_feedforward_layernorm"),
    ),
    "gpt2": Layout(
        blocks="transformer.h",
        block_norm="ln_1",
        final_norm="transformer.ln_f",
        embedding="transformer.wte",
        unembedding="lm_head",
        norm="layer",
        norm_eps="layer_norm_epsilon",
        positions="transformer.wpe",
        added=("attn", "mlp"),
    ),
    "gpt_neox": Layout(
        blocks="gpt_neox.layers",
        block_norm="input_layernorm",
        final_norm="gpt_neox.final_layer_norm",
        embedding="gpt_neox.embed_in",
        unembedding="lm_head",
        stored_unembedding="embed_out",
        norm="layer",
        norm_eps="layer_norm_eps",
        added=("attention", "mlp"),
    ),
}
"""By `model_type` of config.json."""
