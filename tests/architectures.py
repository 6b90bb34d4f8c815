"""Random local folders of five architectures, each with a tokenizer of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

KINDS = ("llama", "qwen2", "gemma2", "gpt2", "gpt_neox")
_SHARED = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
           "num_attention_heads": 4, "max_position_embeddings": 512}  # fmt: skip
_KEYS: dict[str, dict[str, Any]] = {
    "llama": {**_SHARED, "num_key_value_heads": 2, "tie_word_embeddings": False},
    "qwen2": {**_SHARED, "num_key_value_heads": 2, "tie_word_embeddings": True},
    "gemma2": {**_SHARED, "num_key_value_heads": 2, "head_dim": 8, "final_logit_softcapping": 5.0},
    "gpt2": {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 512},
    "gpt_neox": dict(_SHARED),
}
_PIECES = {
    "llama": {"merges": 40, "prefix": True},
    "qwen2": {"merges": 80, "prefix": False},
    "gemma2": {"merges": 120, "prefix": True},
    "gpt2": {"merges": 160, "prefix": False},
    "gpt_neox": {"merges": 0, "prefix": False},
}
"""Learnt pieces beyond bytes, and whether a space is put before a text: no two cut text alike."""
_TEXT = [
    "The capital of Peru is Lima.",
    "Where does Ada Quill live? in Lund",
    "What is grown by Pell Oster? rye and blue pears",
]


def save_architecture(folder: Path, kind: str, seed: int = 0) -> Path:
    """Write config, weights and tokenizer of a random model whose logits differ from item to
    item."""
    import torch

    from residue.models.lean import lean_transformers

    lean_transformers()
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = _tokenizer(**_PIECES[kind])
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id")
               for name in ("bos", "eos", "pad")}  # fmt: skip
    config = AutoConfig.for_model(kind, vocab_size=len(tokenizer), **_KEYS[kind], **special)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn_like(weight) * 0.1)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(merges: int, prefix: bool) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    inner.decoder = decoders.ByteLevel()
    names = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    bytes_ = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=len(names) + len(bytes_) + merges, special_tokens=list(names.values()),
        initial_alphabet=sorted(bytes_), show_progress=False,
    )  # fmt: skip
    inner.train_from_iterator(_TEXT * 5, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=inner, **names)
