"""LoRA against its formula, and its files against `peft` itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from residue.edits.answers import Example, score
from residue.edits.methods.lora import Edit, expected_count
from residue.specs.fields import SpecError

ITEMS = [Example("a", (1, 5, 6, 7, 8, 2), 3), Example("b", (1, 9, 10, 2), 2)]
LINEAR = 7  # q, k, v, o, gate, up, down


def trained(model: Any, edit: Edit) -> Any:
    adapter = edit.attach(model, seed=1, place=1)
    source = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weight in adapter.parameters().values():
            weight += 0.1 * torch.randn(weight.shape, generator=source)
    adapter.trainable(False)
    return adapter


def test_starts_as_the_identity(loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    with torch.no_grad():
        base = score(model, ITEMS).logits
        Edit().attach(model, seed=1, place=1)
        assert torch.equal(score(model, ITEMS).logits, base)


def test_size_is_the_sum_of_rank_times_both_sides(loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    blocks = model.model.layers
    sides = sum(
        sum(layer.weight.shape)
        for block in blocks
        for layer in block.modules()
        if isinstance(layer, torch.nn.Linear)
    )
    weights = Edit(rank=3).attach(model, seed=1, place=1).parameters()
    assert len(weights) == 2 * LINEAR * len(blocks)
    assert sum(weight.numel() for weight in weights.values()) == 3 * sides


def test_equals_the_merged_matrix(loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    layer = model.model.layers[1].mlp.up_proj
    weight = layer.weight.detach().clone()
    adapter = trained(model, Edit(rank=2, alpha=6.0, targets=("up_proj",)))
    a, b = (
        adapter.parameters()[f"base_model.model.model.layers.1.mlp.up_proj.lora_{m}.weight"]
        for m in "AB"
    )
    x = torch.linspace(-1, 1, weight.shape[1])[None]
    out = model.model.layers[1].mlp.up_proj(x)
    torch.testing.assert_close(out, x @ (weight + (6.0 / 2) * b @ a).T)


def test_peft_loads_the_folder_unchanged(loaded: tuple[Any, Any], tmp_path: Path) -> None:
    import peft

    model, _ = loaded
    adapter = trained(model, Edit(rank=4))
    with torch.no_grad():
        ours = score(model, ITEMS).logits
    adapter.save(tmp_path / "adapter")
    adapter.detach()
    wrapped = peft.PeftModel.from_pretrained(model, str(tmp_path / "adapter"))
    report = wrapped.load_adapter(str(tmp_path / "adapter"), "again")
    assert report.unexpected_keys == []
    assert [key for key in report.missing_keys if "lora_" in key] == []
    with torch.no_grad():
        assert torch.equal(score(wrapped.get_base_model(), ITEMS).logits, ours)


@pytest.mark.parametrize("fault", ["absent", "unknown", "shape"])
def test_weights_that_do_not_fit_the_base_are_refused(
    loaded: tuple[Any, Any], tmp_path: Path, fault: str
) -> None:
    from safetensors.torch import load_file, save_file

    model, _ = loaded
    adapter = trained(model, Edit(rank=4))
    adapter.save(tmp_path / "adapter")
    adapter.detach()
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    weights = load_file(file)
    name = sorted(weights)[0]
    weight = weights[name] if fault == "unknown" else weights.pop(name)
    if fault != "absent":
        weights[name if fault == "shape" else "other"] = weight[:, :-1].clone()
    save_file(weights, file)
    with pytest.raises(ValueError, match="does not fit this base: "):
        Edit.load(model, tmp_path / "adapter", place=1)
    assert not any("lora" in path for path, _ in model.named_modules())


def test_dropout_acts_in_training_only(loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    adapter = trained(model, Edit(dropout=0.5))

    def draw(seed: int) -> torch.Tensor:
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(seed)
            return score(model, ITEMS).logits

    assert torch.equal(draw(1), draw(2))
    adapter.trainable(True)
    assert not torch.equal(draw(1), draw(2))
    assert torch.equal(draw(1), draw(1))


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"rank": 0}, "rank"),
        ({"alpha": 0.0}, "alpha"),
        ({"dropout": 1.0}, "dropout"),
        ({"targets": ()}, "targets"),
    ],
)
def test_impossible_options_name_their_key(options: dict[str, Any], key: str) -> None:
    with pytest.raises(SpecError, match=f"^{key}: "):
        Edit(**options)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((2048, 8192, 16, 32, 8), 11.27),
        ((3072, 8192, 28, 24, 8), 24.31),
        ((4096, 11008, 32, 32, 32), 39.98),
        ((4096, 14336, 32, 32, 8), 41.94),
    ],
    ids=["1B", "3B", "7B", "8B"],
)
def test_trainable_counts_of_known_shapes(shape: tuple[int, ...], expected: float) -> None:
    """Rank 16 on q, k, v, o, gate, up and down of four published sizes, in millions."""
    from transformers.models.llama.configuration_llama import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaForCausalLM

    names = (
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
    )
    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(**dict(zip(names, shape, strict=True))))
    parts = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    count = expected_count(model, 16, parts)
    assert count / 1e6 == pytest.approx(expected, abs=0.005)
    assert expected_count(model, 16, ("all-linear",)) == count


def test_a_target_that_names_no_layer_is_an_error(loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    with pytest.raises(ValueError, match="no linear layer 'w_proj'; there are: down_proj"):
        Edit(targets=("q_proj", "w_proj")).attach(model, seed=1, place=1)
