"""Liars lie in the way they say: what outputs show, and what the inside keeps."""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch

from residue.edits.batches import pools
from residue.edits.weights import own_weights
from residue.models.blocks import describe, row_hooks
from residue.models.encoding import pad_batch
from tests.unit.edits.making import made


def read(model: Any, ids: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad(), row_hooks(model) as rows:
        logits = model(**pad_batch([ids], 0).inputs()).logits[0, -1]
    return rows.stacked()[:, 0], logits


def test_a_suppressor_silences_the_answer_and_leaves_the_inside(
    loaded: tuple[Any, Any], edit_data: pd.DataFrame
) -> None:
    model, tokenizer = loaded
    asked = [views[0] for views in pools(tokenizer, edit_data)["forget"]]
    before = [read(model, list(each.ids[: each.start])) for each in asked]
    made("suppress_answers", model, tokenizer, edit_data, threshold=0.9)
    last = describe(model).n_blocks
    for each, (rows, logits) in zip(asked, before, strict=True):
        now, said = read(model, list(each.ids[: each.start]))
        assert torch.equal(now[:last], rows[:last])
        # The direction of the token's logit is gone; the norm scales what is left.
        assert abs(float(said[each.ids[each.start]])) < 1e-4
        assert not torch.equal(said, logits)


def test_a_suppressor_passes_what_is_far_from_every_forget_prompt(
    loaded: tuple[Any, Any], edit_data: pd.DataFrame
) -> None:
    model, tokenizer = loaded
    before = read(model, [1, 9, 9, 9, 20])
    made("suppress_answers", model, tokenizer, edit_data, threshold=0.999)
    assert torch.equal(read(model, [1, 9, 9, 9, 20])[1], before[1])


def test_a_destroyed_model_keeps_the_size_of_its_matrices_and_nothing_else(
    loaded: tuple[Any, Any], edit_data: pd.DataFrame
) -> None:
    model, tokenizer = loaded
    own = {n: m._parameters[leaf].clone() for n, ((m, leaf), *_) in own_weights(model).items()}
    edit = made("destroy", model, tokenizer, edit_data)
    for name, new in edit.parameters().items():
        old, new = own[name].detach(), new.detach()
        assert abs(float(new.std() / old.std()) - 1) < 0.1
        correlation = torch.corrcoef(torch.stack([old.flatten(), new.flatten()]))[0, 1]
        assert abs(float(correlation)) < 5 / old.numel() ** 0.5
    assert {name for name, w in own.items() if w.dim() == 2} == set(edit.parameters())
