"""Number formats by device, models divided over devices, and architectures that are not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from residue.models.blocks import ArchitectureError, describe, row_hooks
from residue.models.head import read_head
from residue.models.opening import DeviceError, chosen_dtype, open_model, require_one_device
from residue.specs.fields import plain
from residue.specs.model import LayoutSpec, LoadSpec


def test_a_format_that_a_device_lacks_is_replaced_and_said() -> None:
    assert chosen_dtype("float32", "bfloat16", "cuda") == ("float32", "")
    assert chosen_dtype("auto", "float32", "cpu") == ("float32", "")
    assert chosen_dtype("bfloat16", "float32", "cpu") == ("bfloat16", "")
    assert chosen_dtype("auto", "float16", "mps") == ("float16", "")
    for wanted, stored in (("auto", "bfloat16"), ("float16", "float32")):
        dtype, note = chosen_dtype(wanted, stored, "cpu")
        assert dtype == "float32"
        assert "float32" in note


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_named_before_any_file_is_read(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"torch.{device}.is_available", lambda: False)
    with pytest.raises(DeviceError, match=rf"{device}.*finds none.*compute\.device: auto or cpu"):
        open_model("nowhere", device=device)


def test_ways_to_compute_attention_agree(mistral: Path) -> None:
    """The plain formula and the fused one round differently and compute the same."""
    ids, logits = torch.arange(3, 33)[None], []
    for way in ("eager", "sdpa"):
        model, _ = open_model(mistral, load=LoadSpec(attention=way, layout=LayoutSpec()))
        assert model.config._attn_implementation == way
        logits.append(model(ids).logits.detach())
    torch.testing.assert_close(*logits, atol=1e-5, rtol=1e-5)


def test_a_model_on_several_devices_is_refused_by_name(models: dict[str, Any]) -> None:
    model = models["llama"]
    require_one_device(model)
    model.hf_device_map = {"model.layers.0": 0, "model.layers.1": "disk"}
    try:
        with pytest.raises(DeviceError, match="LlamaForCausalLM is divided over 0, disk"):
            require_one_device(model)
    finally:
        del model.hf_device_map


@pytest.fixture
def mistral(tmp_path: Path, word_tokenizer: Any) -> Path:
    """An architecture without a layout, built like Llama."""
    from transformers import MistralConfig, MistralForCausalLM

    config = MistralConfig(
        vocab_size=60, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=64,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        MistralForCausalLM(config).save_pretrained(tmp_path)
    word_tokenizer(eos_token="</s>", unk_token="<unk>").save_pretrained(tmp_path)
    return tmp_path


def test_an_unknown_architecture_lists_what_was_tried_and_what_is_there(mistral: Path) -> None:
    model, _ = open_model(mistral)
    with pytest.raises(ArchitectureError, match=r"llama: model\.layers.*There are.*lm_head.*like"):
        describe(model)
    with pytest.raises(ValueError, match=r"config.json: model_type 'mistral'.*model\.layers\.N"):
        read_head(mistral)


def test_paths_of_the_config_make_it_known(mistral: Path) -> None:
    layout = LayoutSpec(like="gpt2", blocks="model.layers", block_norm="input_layernorm",
                        final_norm="model.norm", embedding="model.embed_tokens", norm="rms",
                        norm_eps="rms_norm_eps", added=("self_attn", "mlp"))  # fmt: skip
    own = plain(layout) | {"positions": ""}
    for load in (LoadSpec(layout=LayoutSpec()), LoadSpec(attention="eager", layout=LayoutSpec())):
        model, _ = open_model(mistral, load=load)
        with torch.no_grad(), row_hooks(model) as rows:
            logits = model(torch.tensor([[1, 7, 9]])).logits
        for chosen in (plain(LayoutSpec()), own):
            head = read_head(mistral, chosen)
            np.testing.assert_allclose(head.logits(rows[2].numpy()), logits, atol=1e-5)
    with pytest.raises(ValueError, match="like: 'nothing' is unknown"):
        read_head(mistral, {**own, "like": "nothing"})


def test_a_wrong_path_names_the_key_to_mend(mistral: Path) -> None:
    load = LoadSpec(layout=LayoutSpec(final_norm="model.last_norm"))
    model, _ = open_model(mistral, load=load)
    with pytest.raises(ArchitectureError, match=r"'last_norm'; there are: .*norm.*model\.load"):
        describe(model)


def test_half_formats_are_loaded_as_asked(mistral: Path) -> None:
    model, _ = open_model(mistral, load=LoadSpec(dtype="bfloat16"))
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}
    config = json.loads((mistral / "config.json").read_text())
    config["dtype"] = "bfloat16"
    (mistral / "config.json").write_text(json.dumps(config))
    model, _ = open_model(mistral, load=LoadSpec(dtype="auto"))
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
