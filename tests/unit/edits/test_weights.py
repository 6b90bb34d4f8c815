"""Other weights in the place of the model's own: files, strength, and the model left as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from residue.edits.answers import Example, score
from residue.edits.methods.full import Edit
from residue.edits.weights import own_weights
from tests.unit.edits.making import made

ITEMS = [Example("a", (1, 5, 6, 7, 8, 2), 3), Example("b", (1, 9, 10, 2), 2)]


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return score(model, ITEMS).logits


def test_transformers_loads_the_folder_of_full_weights(
    loaded: tuple[Any, Any], edit_data: pd.DataFrame, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM

    model, tokenizer = loaded
    edit = made("full", model, tokenizer, edit_data)
    edit.trainable(False)
    edit.save(tmp_path / "full")
    found, report = AutoModelForCausalLM.from_pretrained(
        tmp_path / "full", output_loading_info=True, local_files_only=True
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert torch.equal(logits(found.eval()), logits(model))


def test_a_scope_of_blocks_trains_nothing_else(loaded: tuple[Any, Any]) -> None:
    edit = Edit(scope="blocks").attach(loaded[0], seed=0, place=1)
    assert all(name.startswith("model.layers.") for name in edit.parameters())
    assert len(edit.parameters()) == 2 * 9


def test_strength_is_a_line_between_the_weights(
    loaded: tuple[Any, Any], edit_data: pd.DataFrame
) -> None:
    model, tokenizer = loaded
    own = {n: m._parameters[leaf].clone() for n, ((m, leaf), *_) in own_weights(model).items()}
    edit = made("full", model, tokenizer, edit_data)
    edit.trainable(False)
    edit.set_strength(1.5)
    for name, ((module, leaf), *_) in own_weights(model).items():
        line = own[name] + 1.5 * (edit.parameters()[name] - own[name])
        torch.testing.assert_close(module._parameters[leaf].detach(), line.detach())


def test_tied_weights_stay_tied(loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    model.lm_head.weight = model.model.embed_tokens.weight
    names = own_weights(model)
    assert len(names["model.embed_tokens.weight"]) == 2
    edit = Edit().attach(model, seed=0, place=1)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert model.lm_head.weight is edit.parameters()["model.embed_tokens.weight"]


@pytest.mark.parametrize("fault", ["unknown", "absent", "shape"])
def test_weights_that_do_not_fit_are_refused(
    loaded: tuple[Any, Any], edit_data: pd.DataFrame, tmp_path: Path, fault: str
) -> None:
    model, tokenizer = loaded
    edit = made("full", model, tokenizer, edit_data)
    edit.save(tmp_path / "full")
    edit.detach()
    file = tmp_path / "full" / "model.safetensors"
    weights = load_file(file)
    name = "model.norm.weight"
    if fault == "unknown":
        weights["other"] = weights[name].clone()
    elif fault == "absent":
        del weights[name]
    else:
        weights[name] = weights[name][:-1].clone()
    save_file(weights, file)
    with pytest.raises(ValueError, match=r"model.safetensors (does not fit this base|lacks)"):
        Edit.load(model, tmp_path / "full", place=1)
