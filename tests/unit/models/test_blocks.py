"""Rows and head of every supported architecture."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from residue.models.blocks import ArchitectureError, describe, row_hooks
from residue.models.head import Head, read_head
from residue.models.lean import lean_peft
from residue.models.loading import load_model

KINDS = ("llama", "qwen2", "gpt2", "gpt_neox", "gemma2")
IDS = torch.tensor([[1, 5, 9, 30, 2], [1, 44, 7, 8, 50]])


@pytest.mark.parametrize("kind", KINDS)
def test_head_of_row_n_is_the_logits(models: dict[str, Any], kind: str) -> None:
    model = models[kind]
    with torch.no_grad(), row_hooks(model) as rows:
        logits = model(IDS).logits
        again = describe(model).head(rows[len(rows) - 1])
    torch.testing.assert_close(again, logits, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_embeddings_then_block_outputs_before_the_final_norm(
    models: dict[str, Any], kind: str
) -> None:
    model = models[kind]
    architecture = describe(model)
    with torch.no_grad(), row_hooks(model) as rows:
        states = model(IDS, output_hidden_states=True).hidden_states
        n = architecture.n_blocks
        assert len(rows) == n + 1 == len(states)
        # transformers' own states agree up to the last, which is already normalised.
        for row in range(n):
            torch.testing.assert_close(rows[row], states[row])
        torch.testing.assert_close(architecture.final_norm(rows[n]), states[n])
        assert not torch.allclose(rows[n], states[n], atol=1e-3)
        assert torch.equal(rows.stacked()[n], rows[n])


def test_hooks_leave_with_the_context(models: dict[str, Any]) -> None:
    model = models["llama"]
    with pytest.raises(RuntimeError), row_hooks(model):
        raise RuntimeError
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_a_row_asked_for_before_any_pass_says_so(models: dict[str, Any]) -> None:
    with row_hooks(models["llama"]) as rows, pytest.raises(LookupError, match="run the model"):
        rows[0]


def test_an_unknown_architecture_tells_what_is_there(models: dict[str, Any]) -> None:
    model = torch.nn.Module()
    model.config = type("Config", (), {"model_type": "opus"})()
    model.trunk = torch.nn.Linear(2, 2)
    with pytest.raises(ArchitectureError, match="'opus'.*llama.*trunk"):
        describe(model)


def test_a_path_that_fails_tells_what_was_tried_and_what_is_there() -> None:
    model = torch.nn.Module()
    model.config = type("Config", (), {"model_type": "llama"})()
    model.model = torch.nn.Module()
    model.model.towers = torch.nn.Linear(2, 2)
    with pytest.raises(ArchitectureError, match="'model.layers'.*no 'layers'.*towers"):
        describe(model)


@pytest.mark.parametrize("kind", KINDS)
def test_head_from_files_gives_the_live_logits_and_survives_a_round_trip(
    models: dict[str, Any], kind: str, tmp_path: Path
) -> None:
    model = models[kind]
    model.save_pretrained(tmp_path)
    head = read_head(tmp_path)
    head.save(tmp_path / "head.safetensors", tmp_path / "arch.json")
    loaded = Head.load(tmp_path / "head.safetensors", tmp_path / "arch.json")
    assert loaded.shape == head.shape
    with torch.no_grad(), row_hooks(model) as rows:
        logits = model(IDS).logits
        n = loaded.shape.n_blocks
        mine = loaded.logits(rows[n].numpy())
        np.testing.assert_allclose(mine, logits.numpy(), atol=2e-5, rtol=1e-4)
        for block, norm in enumerate(describe(model).block_norms):
            np.testing.assert_allclose(
                loaded.normed(rows[block].numpy(), f"norm_{block}"),
                norm(rows[block]).numpy(),
                atol=2e-5,
                rtol=1e-4,
            )
        embedded = describe(model).embedding.weight[IDS[0, 1]].numpy()
        if kind not in ("gpt2",):  # GPT-2 adds positions to its embeddings
            np.testing.assert_allclose(
                rows[0][0, 1].numpy(), embedded * loaded.shape.embedding_scale, rtol=1e-5
            )


def test_head_reads_bfloat16_weights(models: dict[str, Any], tmp_path: Path) -> None:
    rounded = deepcopy(models["llama"]).to(torch.bfloat16)
    rounded.save_pretrained(tmp_path)
    tensors = read_head(tmp_path).tensors
    expected = rounded.lm_head.weight.float().detach().numpy()
    assert tensors["unembedding.weight"].dtype == np.float32
    np.testing.assert_array_equal(tensors["unembedding.weight"], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_loads_with_the_same_logits(
    models: dict[str, Any], kind: str, tmp_path: Path, word_tokenizer: Any
) -> None:
    models[kind].save_pretrained(tmp_path)
    word_tokenizer(eos_token="</s>", unk_token="<unk>").save_pretrained(tmp_path)
    model, tokenizer = load_model(tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(model(IDS).logits, models[kind](IDS).logits)
    assert not model.training
    assert tokenizer.eos_token_id == 2


def test_parts_are_found_through_an_adapter(models: dict[str, Any]) -> None:
    peft = lean_peft()
    wrapped = peft.get_peft_model(
        deepcopy(models["llama"]),
        peft.LoraConfig(target_modules="all-linear", r=2, task_type="CAUSAL_LM"),
    ).eval()
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if "lora_B" in name:
                parameter.fill_(0.1)
        with row_hooks(wrapped) as rows:
            logits = wrapped(IDS).logits
            torch.testing.assert_close(describe(wrapped).head(rows[3]), logits)
        assert not torch.allclose(logits, models["llama"](IDS).logits)
