"""Where each architecture keeps its parts, as paths; shared by live models and weight files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any


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


OWN = "residue_layout"
"""Key of a live model's config under which the layout of the user's config stands."""


def changed(own: Mapping[str, Any]) -> Layout:
    """The layout that `model.load.layout` describes: a known one, with some paths replaced.

    own: plain values of a `LayoutSpec`. `ValueError` where `like` is unknown.
    """
    like = LAYOUTS.get(str(own["like"]))
    if like is None:
        raise ValueError(
            f"model.load.layout.like: '{own['like']}' is unknown; choose from "
            f"{', '.join(sorted(LAYOUTS))}"
        )
    names = {field.name for field in fields(Layout)} & set(own)
    values = {name: own[name] for name in names if own[name] is not None}
    if "unembedding" in values:
        values["stored_unembedding"] = ""
    if "added" in values:
        values["added"] = tuple(values["added"])
    return replace(like, **values)


def layout_of(kind: str, own: Mapping[str, Any] | None, there: str) -> Layout:
    """The layout of an architecture, or the user's own.

    kind: config.json's model_type; there: what the model or its files hold, for the message.
    `ValueError` lists what was tried and what is there.
    """
    if own:
        return changed(own)
    layout = LAYOUTS.get(kind)
    if layout is None:
        tried = "; ".join(
            f"{name}: {each.blocks}, {each.final_norm}, {each.unembedding}"
            for name, each in sorted(LAYOUTS.items())
        )
        raise ValueError(
            f"model_type {kind!r} has no layout. Known (blocks, final norm, head) are {tried}. "
            f"There are: {there}. Name the paths under model.load.layout, e.g. {{like: llama}} for "
            "a model built like Llama"
        )
    return layout
