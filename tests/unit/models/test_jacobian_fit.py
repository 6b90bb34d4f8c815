"""Jacobians agree with finite differences and with a model whose Jacobian is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from residue.lens.jacobian_fit import mean_jacobians
from residue.models.blocks import row_hooks
from residue.specs.lens import JacobianSpec

CORPUS = pd.DataFrame(
    {
        "text": ["a", "b", "c"],
        "document": ["w1 w2 w3", "w4 w5", "w6"],
        "answer": ["w3", "", ""],
        "split": ["fit", "fit", "held_out"],
    }
)


@pytest.fixture
def tokenizer(word_tokenizer: Any) -> Any:
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    return word_tokenizer(**names)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma2"])
def test_the_mean_jacobian_is_that_of_finite_differences(
    kind: str, models: dict[str, Any], tokenizer: Any
) -> None:
    model = models[kind]
    spec = JacobianSpec(texts=2, targets="later")
    made = mean_jacobians(model, tokenizer, CORPUS, spec, 0)
    n = made.n
    assert n == 5
    ids = [[1, *tokenizer(t, add_special_tokens=False)["input_ids"]] for t in ("w1 w2 w3", "w4 w5")]
    rng = np.random.default_rng(0)
    direction = torch.from_numpy(rng.normal(size=16).astype(np.float32))
    step, row = 1e-2, 1
    total = torch.zeros(16)
    for text in ids:
        for source in range(1, len(text)):
            ends = [_final(model, text, row, source, s * step * direction) for s in (1.0, -1.0)]
            total += (ends[0] - ends[1])[1:].sum(dim=0) / (2.0 * step)
    wanted = (total / n).numpy()
    got = made.tensors[f"row_{row}.matrix"] @ direction.numpy()
    np.testing.assert_allclose(got, wanted, rtol=0.03, atol=0.03 * np.abs(wanted).max())


def _final(model: Any, ids: list[int], row: int, at: int, push: torch.Tensor) -> torch.Tensor:
    """The final row (position, width) after a push of one position's row."""
    from residue.models.blocks import describe

    def edit(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        value = (args[0] if args else kwargs["hidden_states"]).clone()
        value[0, at] += push
        return ((value, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": value})

    handle = describe(model).blocks[row].register_forward_pre_hook(edit, with_kwargs=True)
    try:
        with torch.inference_mode(), row_hooks(model) as rows:
            model(input_ids=torch.tensor([ids]))
            return rows[len(rows) - 1][0].clone()
    finally:
        handle.remove()


def test_the_same_position_alone_takes_one_per_text(models: Any, tokenizer: Any) -> None:
    spec = JacobianSpec(texts=2, targets="same")
    made = mean_jacobians(models["llama"], tokenizer, CORPUS, spec, 0)
    again = mean_jacobians(models["llama"], tokenizer, CORPUS, spec, 0)
    assert made.n == 2
    assert all((made.tensors[name] == again.tensors[name]).all() for name in made.tensors)
    assert set(made.notes) == {0, 1, 2}


def test_the_model_is_left_as_it_was(models: Any, tokenizer: Any) -> None:
    model = models["llama"]
    before = {name: each.requires_grad for name, each in model.named_parameters()}
    mean_jacobians(model, tokenizer, CORPUS, JacobianSpec(texts=1), 0)
    assert before == {name: each.requires_grad for name, each in model.named_parameters()}
    assert not any(each._forward_pre_hooks for each in model.modules())
