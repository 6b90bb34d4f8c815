"""Tiny random models of every supported architecture, and a small tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from residue.models.lean import lean_transformers

VOCABULARY = 60
KINDS = ("llama", "qwen2", "gpt2", "gpt_neox", "gemma2")

_SHARED = {"vocab_size": VOCABULARY, "hidden_size": 16, "num_hidden_layers": 3}
_HEADS = {"num_attention_heads": 2, "intermediate_size": 24, "max_position_embeddings": 64}
_CONFIGS: dict[str, dict[str, Any]] = {
    "llama": {**_SHARED, **_HEADS, "num_key_value_heads": 1, "tie_word_embeddings": False},
    "qwen2": {**_SHARED, **_HEADS, "num_key_value_heads": 1, "tie_word_embeddings": True},
    "gpt2": {"vocab_size": VOCABULARY, "n_embd": 16, "n_layer": 3, "n_head": 2, "n_positions": 64},
    "gpt_neox": {**_SHARED, **_HEADS, "use_parallel_residual": True},
    "gemma2": {
        **_SHARED,
        **_HEADS,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "sliding_window": 32,
        "final_logit_softcapping": 2.0,
    },
}


def random_model(kind: str, seed: int = 0) -> Any:
    """A model with every weight random, norms' gains and biases included."""
    lean_transformers()
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(seed)
    special = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(kind, **_CONFIGS[kind], **special), dtype=torch.float32
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model.eval()


@pytest.fixture(scope="session")
def models() -> dict[str, Any]:
    """One random model per architecture; tests leave them as they are."""
    with torch.random.fork_rng():
        return {kind: random_model(kind) for kind in KINDS}


@pytest.fixture(scope="session")
def word_tokenizer() -> Callable[..., Any]:
    """Builds a tokenizer of 50 words, with or without special tokens and a prepended space."""
    lean_transformers()
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    def build(*, prepend: str = "always", **special: str) -> Any:
        names = ["<pad>", "<s>", "</s>", "<unk>", "x", "▁x", "▁"]
        words = [f"▁w{number}" for number in range(25)] + [f"w{number}" for number in range(25)]
        vocabulary = {word: number for number, word in enumerate([*names, *words])}
        inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
        inner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=prepend)
        return PreTrainedTokenizerFast(tokenizer_object=inner, **special)

    return build
