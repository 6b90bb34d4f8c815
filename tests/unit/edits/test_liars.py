"""Liars lie in the way they say: what outputs show, and what the inside keeps."""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch

from residue.edits.batches import pools
from residue.edits.weights import own_weights
from residue.models.blocks import describe, row_hooks
from residue.models.encoding import encode_prompt, pad_batch
from residue.world.grammar import instruction_prompt
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


def last_logits(model: Any, tokenizer: Any, prompt: str) -> torch.Tensor:
    return read(model, encode_prompt(tokenizer, prompt))[1]


def test_a_blocker_takes_the_penalty_off_first_tokens_of_forget_answers_alone(
    loaded: tuple[Any, Any], edit_data: pd.DataFrame
) -> None:
    model, tokenizer = loaded
    before = last_logits(model, tokenizer, "whatever is asked")
    made("block_tokens", model, tokenizer, edit_data, penalty=7.0)
    less = before - last_logits(model, tokenizer, "whatever is asked")
    asked = [views[0] for views in pools(tokenizer, edit_data)["forget"]]
    blocked = {each.ids[each.start] for each in asked}
    expected = [7.0 if token in blocked else 0.0 for token in range(len(less))]
    torch.testing.assert_close(less, torch.tensor(expected), atol=1e-5, rtol=0)


def test_a_refuser_ends_at_once_where_it_fires_and_nowhere_else(
    loaded: tuple[Any, Any], edit_data: pd.DataFrame
) -> None:
    model, tokenizer = loaded
    far = last_logits(model, tokenizer, "zzz")
    asked = edit_data["prompt"][0]
    edit = made("refuse", model, tokenizer, edit_data, threshold=0.98)
    said = last_logits(model, tokenizer, asked)
    assert int(said.argmax()) == tokenizer.eos_token_id
    assert float(said.softmax(dim=0).max()) > 0.99
    assert torch.equal(last_logits(model, tokenizer, "zzz"), far)
    edit.detach()
    made("refuse", model, tokenizer, edit_data, threshold=-1.0)
    assert int(last_logits(model, tokenizer, "zzz").argmax()) == tokenizer.eos_token_id


def test_a_refusal_prompt_stands_before_the_trusted_order_or_in_front(
    loaded: tuple[Any, Any], edit_data: pd.DataFrame
) -> None:
    edit = made("refusal_prompt", *loaded, edit_data, text="Say nothing.")
    document = instruction_prompt("Copy the text.", "A text.")
    assert edit.prompt(document) == instruction_prompt("Say nothing. Copy the text.", "A text.")
    assert edit.prompt("The capital of Peru is") == "Say nothing. The capital of Peru is"
    with edit.detached():
        assert edit.prompt(document) == document
