"""Memory against published figures, against torch's own count, and in its limits."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from residue.edits.methods.lora import Edit
from residue.models.lean import lean_transformers
from residue.models.memory import (
    CONTEXT,
    FRAGMENTS,
    GIB,
    NF4_BITS,
    kept_bytes,
    on_meta,
    opening,
    reading,
    shape_of,
    training,
    verdict,
    weight_bytes,
)

SPECIAL = {"bos_token_id": 1, "eos_token_id": 2}
LLAMAS: dict[str, tuple[dict[str, Any], float, float, float]] = {
    "3.2-1B": ({"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
                "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
                "tie_word_embeddings": True}, 0.96, 11.27e6, 0.11),
    "3.2-3B": ({"hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 28,
                "num_attention_heads": 24, "num_key_value_heads": 8, "vocab_size": 128256,
                "tie_word_embeddings": True}, 2.09, 24.31e6, 0.23),
    "2-7B": ({"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
              "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32000},
             3.60, 39.98e6, 0.37),
    "3.1-8B": ({"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
                "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256},
               5.31, 41.94e6, 0.39),
}  # fmt: skip


def llama(keys: dict[str, Any]) -> Any:
    lean_transformers()
    from transformers import LlamaConfig

    return LlamaConfig(**keys, **SPECIAL)


@pytest.mark.parametrize("name", LLAMAS)
def test_known_models_take_what_is_known(name: str) -> None:
    keys, weights, adapter, states = LLAMAS[name]
    shape = shape_of(llama(keys), "bfloat16")
    assert weight_bytes(shape, "nf4") / GIB == pytest.approx(weights, abs=0.005)
    assert shape.lora(16) == pytest.approx(adapter, rel=5e-4)
    plan = training(
        shape, (0, 0), trained=shape.lora(16), tokens=0, supervised=2 * 768 * 3, moments=8
    )
    assert (plan.adapter + plan.optimiser) / GIB == pytest.approx(states, abs=0.006)
    # The whole batch's logits at 2 x 3 sequences of 768 tokens: 1.10 GiB in bfloat16 alone.
    if shape.vocabulary == 128256:
        assert plan.logits / GIB / 5 == pytest.approx(1.10, abs=0.005)


def test_three_billion_weights_fit_six_gib_in_four_bits_alone() -> None:
    shape = shape_of(llama(LLAMAS["3.2-3B"][0]), "bfloat16")
    read = {"one": 200 * 1024**2, "tokens": 4096, "logits": 1 << 28}
    assert opening(shape).total > 6 * GIB
    assert opening(shape, base="nf4").total < 3 * GIB
    assert reading(shape, **read).total > 6 * GIB
    assert reading(shape, **read, base="nf4").total < 6 * GIB
    # Packing holds one layer beside the model: as read, and twice in float32.
    beside = opening(shape, base="nf4", card=False).total - weight_bytes(shape, "nf4")
    assert beside == 3072 * 8192 * (2 + 4 + 4)


def test_bits_of_nf4() -> None:
    assert pytest.approx(4.127, abs=5e-4) == NF4_BITS


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", ["llama", "qwen2", "gpt_neox", "gemma2", "gpt2"])
def test_sizes_without_content_are_those_of_real_tensors(kind: str, dtype: str) -> None:
    """Where attention is fused; the meta device has sizes alone, the CPU all of it."""
    lean_transformers()
    from transformers import AutoConfig, AutoModelForCausalLM

    keys = {"hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2,
            "num_attention_heads": 4, "vocab_size": 50, **SPECIAL}  # fmt: skip
    if kind != "gpt_neox":
        keys["num_key_value_heads"] = 2
    if kind == "gpt2":
        keys = {"n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 50, **SPECIAL}
    if kind == "gemma2":
        keys["head_dim"] = 16
    config = AutoConfig.for_model(kind, **keys)
    real = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype)).eval()
    counts = []
    for model in (on_meta(config, dtype), real):
        model.requires_grad_(False)
        Edit(rank=4).attach(model, seed=0, place=1)
        counts.append(kept_bytes(model, 3, 40))
    (planned, block), (counted, _) = counts
    assert planned == pytest.approx(counted, rel=0.05)
    assert block <= planned <= 2.2 * block


def test_recomputing_rounding_and_small_moments_each_save() -> None:
    keys = LLAMAS["3.2-1B"][0] | {"num_hidden_layers": 4}
    shape, model = shape_of(llama(keys), "bfloat16"), on_meta(llama(keys), "bfloat16")
    model.requires_grad_(False)
    Edit(rank=16).attach(model, seed=0, place=1)
    given = {"kept": kept_bytes(model, 3, 256), "trained": shape.lora(16), "tokens": 768,
             "supervised": 100, "card": False}  # fmt: skip
    plain = training(shape, **given)
    assert training(shape, **given, recompute=True).activations < 0.5 * plain.activations
    assert training(shape, **given, moments=8).optimiser == plain.optimiser / 4
    assert training(shape, **given, base="nf4").weights < 0.7 * plain.weights
    card = training(shape, **(given | {"card": True}))
    assert card.total == pytest.approx(plain.total * (1 + FRAGMENTS) + CONTEXT)
    parts = [getattr(plain, part.name) for part in dataclasses.fields(plain)]
    assert plain.total == sum(parts)
    said = [verdict(plain, plain.total * room) for room in (2.0, 1.05, 0.99)]
    assert said == ["fits", "tight", "too large"]
