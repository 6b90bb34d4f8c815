"""Loading straight into four bits: the same as packing after loading, without the whole model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from residue.edits.arms import OpenArm, arm_of_model, open_arm
from residue.edits.methods.full import Edit as Full
from residue.edits.methods.lora import Edit
from residue.models.blocks import describe, row_hooks
from residue.models.four_bits import load_packed
from residue.models.loading import load_model
from residue.models.opening import open_model
from residue.models.packing import HELD, PackedWeightError, is_held, packed
from residue.specs.model import LoadSpec
from tests.architectures import save_architecture
from tests.own_model import save_random_model

IDS = torch.tensor([[1, 5, 9, 17, 33], [1, 40, 41, 42, 2]])


def rows_and_logits(model: Any) -> torch.Tensor:
    with torch.no_grad(), row_hooks(model) as rows:
        logits = model(input_ids=IDS).logits
    return torch.cat([rows.stacked().reshape(-1), logits.reshape(-1)])


def rounded_whole(folder: Path, dtype: str) -> Any:
    """The whole model, packed and unpacked in place after loading."""
    model, _ = load_model(folder, dtype=dtype)
    with torch.no_grad():
        for block in describe(model).blocks:
            for module in block.modules():
                if isinstance(module, torch.nn.Linear):
                    module.weight.copy_(packed(module.weight, double=True).unpacked())
    return model


@pytest.mark.parametrize("kind", ["llama", "qwen2", "gemma2", "gpt_neox"])
def test_what_is_loaded_is_what_packing_after_loading_gives(kind: str, tmp_path: Path) -> None:
    folder = save_architecture(tmp_path, kind)
    model, _ = load_packed(folder, dtype="float32")
    whole, _ = load_model(folder)
    own = dict(whole.named_modules())
    held = {path: module for path, module in model.named_modules() if is_held(module)}
    layers = sum(
        isinstance(m, torch.nn.Linear) for b in describe(whole).blocks for m in b.modules()
    )
    assert len(held) == layers
    for path, module in held.items():
        small, after = getattr(module, HELD), packed(own[path].weight, double=True)
        assert torch.equal(small.codes, after.codes)
        assert torch.equal(small.state.absmax, after.state.absmax)
        assert torch.equal(small.state.state2.absmax, after.state.state2.absmax)
        assert torch.equal(small.unpacked(), after.unpacked())
    for name, weight in whole.named_parameters():
        if name.removesuffix(".weight") not in held:
            assert torch.equal(model.get_parameter(name), weight)
    assert torch.equal(rows_and_logits(model), rows_and_logits(rounded_whole(folder, "float32")))


def test_half_formats_are_packed_from_the_half_format(tmp_path: Path) -> None:
    folder = save_random_model(tmp_path)
    model, _ = load_packed(folder, dtype="bfloat16")
    assert model.dtype == torch.bfloat16
    assert torch.equal(rows_and_logits(model), rows_and_logits(rounded_whole(folder, "bfloat16")))


def test_shards_and_a_missing_prefix_are_read(tmp_path: Path) -> None:
    folder = save_random_model(tmp_path)
    wanted = rows_and_logits(load_packed(folder)[0])
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    for number, part in enumerate((names[::2], names[1::2])):
        stored = {name.removeprefix("model."): weights[name] for name in part}
        save_file(stored, folder / f"model-{number}.safetensors", metadata={"format": "pt"})
    assert torch.equal(rows_and_logits(load_packed(folder)[0]), wanted)


def test_a_missing_or_misshapen_tensor_is_named(tmp_path: Path) -> None:
    folder = save_random_model(tmp_path)
    weights = load_file(folder / "model.safetensors")
    name = "model.layers.1.mlp.up_proj.weight"
    less = {key: value for key, value in weights.items() if key != name}
    save_file(less, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=f"lack 1 tensors.*{name}"):
        load_packed(folder)
    odd = weights | {name: weights[name][1:].contiguous()}
    save_file(odd, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=rf"{name} in .* has shape \(31, 32\)"):
        load_packed(folder)


def test_blocks_without_linear_layers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nothing can be packed; set model\.load\.weights: full"):
        load_packed(save_architecture(tmp_path, "gpt2"))


def test_an_adapter_trains_on_it_as_on_the_rounded_model(tmp_path: Path) -> None:
    folder = save_random_model(tmp_path)
    gradients = []
    for model in (load_packed(folder)[0], rounded_whole(folder, "float32")):
        adapter = Edit(rank=4).attach(model, seed=3, place=1)
        loss = model(input_ids=IDS, labels=IDS).loss
        gradients.append(torch.autograd.grad(loss, list(adapter.parameters().values())))
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)


def test_an_arm_opens_in_four_bits_and_says_that_it_does_not_merge(tmp_path: Path) -> None:
    from residue.core.artifacts import write_json

    base, home = save_random_model(tmp_path / "base"), tmp_path / "arm"
    home.mkdir()
    load = LoadSpec(weights="nf4")
    write_json(home / "arm.json", arm_of_model(base, arm="base", pair=0, home=home, load=load))
    with open_arm(home / "arm.json") as opened:
        assert torch.equal(rows_and_logits(opened.model), rows_and_logits(load_packed(base)[0]))
        assert "NF4" in opened.merge()


def test_whole_weights_are_asked_for_by_name(tmp_path: Path) -> None:
    model, tokenizer = open_model(save_random_model(tmp_path), load=LoadSpec(weights="nf4"))
    with pytest.raises(PackedWeightError, match=r"own weights needs whole.*model\.load\.weights"):
        Full().attach(model, seed=0, place=1)
    adapter = Edit(rank=2).attach(model, seed=0, place=1)
    with pytest.raises(PackedWeightError, match="merging an adapter"):
        adapter.merge()
    assert "NF4" in OpenArm(model, tokenizer, {}, [adapter]).merge()
    layer = next(module for module in model.modules() if is_held(module))
    assert layer.weight.isnan().all()
    assert layer.weight.untyped_storage().nbytes() == 4
    with pytest.raises(RuntimeError, match="single memory location"):
        layer.weight.data.add_(1.0)


MEASURED = """
import resource, sys, torch
import bitsandbytes.functional
from residue.models import blocks, four_bits, packing
from residue.models.lean import lean_transformers
lean_transformers()
import transformers.models.llama.modeling_llama, transformers.initialization
from transformers import AutoConfig, PreTrainedTokenizerFast
small, big = sys.argv[1:]
four_bits.load_packed(small)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model, _ = four_bits.load_packed(big, dtype="bfloat16")
grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
held = [m for m in model.modules() if packing.is_held(m)]
packed = sum(getattr(m, packing.HELD).bytes for m in held)
rest = sum(w.untyped_storage().nbytes() for w in model.parameters())
print(grown, packed + rest, max(m.weight.numel() for m in held))
"""


def test_the_peak_is_the_packed_model_and_one_tensor(tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    small = save_random_model(tmp_path / "small")
    big = save_random_model(tmp_path / "big")
    config = LlamaConfig(
        vocab_size=512, hidden_size=1024, intermediate_size=2816, num_hidden_layers=6,
        num_attention_heads=8, num_key_value_heads=8, tie_word_embeddings=False,
    )  # fmt: skip
    with torch.device("meta"):
        shape = LlamaForCausalLM(config)
    piece = torch.randn(1 << 16, generator=torch.Generator().manual_seed(0)).bfloat16()
    weights = {
        name: piece.repeat(-(-w.numel() // len(piece)))[: w.numel()].reshape(w.shape)
        for name, w in shape.named_parameters()
    }
    save_file(weights, big / "model.safetensors", metadata={"format": "pt"})
    config.save_pretrained(big)
    whole = 2 * sum(w.numel() for w in weights.values())
    said = subprocess.run(
        [sys.executable, "-c", MEASURED, str(small), str(big)],
        capture_output=True, text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    ).stdout  # fmt: skip
    grown, kept, largest = map(int, said.split())
    # Of one tensor at a time: as stored, copied, in float32, padded, and what the packing draws.
    assert kept < 0.3 * whole
    assert grown < kept + largest * 20
    assert grown < 0.75 * whole
