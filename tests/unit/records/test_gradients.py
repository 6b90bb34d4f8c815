"""Gradient norms: closed form of a softmax head, finite differences, and what has no norm."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from residue.measure.metrics import membership_gradnorm
from residue.records.gradients import gradient_norm, gradient_norms

PROMPT, ANSWER = (1, 4, 5), (6, 3, 2)


class Bigram(torch.nn.Module):
    """Fixed vectors of tokens under a linear softmax head: logits of what follows t are W e_t.

    Everything is float64, so that differences can be small.
    """

    config = SimpleNamespace(max_position_embeddings=8)

    def __init__(self, words: int = 9, width: int = 5) -> None:
        super().__init__()
        source = torch.Generator().manual_seed(0)
        self.vectors = torch.randn(words, width, generator=source, dtype=torch.float64)
        drawn = torch.randn(words, width, generator=source, dtype=torch.float64)
        self.head = torch.nn.Parameter(drawn, requires_grad=False)
        self.idle = torch.nn.Parameter(torch.ones(3), requires_grad=False)

    def forward(self, input_ids: torch.Tensor, use_cache: bool) -> Any:
        return SimpleNamespace(logits=self.vectors[input_ids] @ self.head.T)


def test_it_is_the_closed_form_of_a_linear_softmax_head() -> None:
    """∇_W of the mean loss is (1/T) Σ_t (p_t − e_{y_t}) e_{x_t}ᵀ, with p_t the law at place t."""
    model = Bigram()
    model.head.requires_grad_(True)
    norm, loss = gradient_norm(model, PROMPT, ANSWER, [model.head, model.idle.requires_grad_(True)])
    read = np.array([5, 6, 3])
    x, w = model.vectors[read].numpy(), model.head.detach().numpy()
    logits = x @ w.T
    law = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = law - np.eye(9)[list(ANSWER)]
    assert norm == pytest.approx(np.linalg.norm(wrong.T @ x / 3), rel=1e-6)
    assert loss == pytest.approx(-np.log(law[[0, 1, 2], list(ANSWER)]).mean(), rel=1e-6)


def test_it_is_the_steepest_slope_of_the_loss() -> None:
    """Along the gradient the loss rises by the norm; the gradient itself by finite differences."""
    model = Bigram()
    model.head.requires_grad_(True)
    norm, _ = gradient_norm(model, PROMPT, ANSWER, [model.head])
    slopes = []
    size = 1e-5
    for place in range(model.head.numel()):
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                model.head.view(-1)[place] += sign * size
            ends.append(gradient_norm(model, PROMPT, ANSWER, [model.head])[1])
            with torch.no_grad():
                model.head.view(-1)[place] -= sign * size
        slopes.append((ends[0] - ends[1]) / (2 * size))
    assert np.linalg.norm(slopes) == pytest.approx(norm, rel=1e-6)


def test_a_table_has_every_item_and_leaves_the_weights_as_they_were(
    build_llama: Callable[[int], Any], tokenizer: Any
) -> None:
    model = build_llama(0).requires_grad_(False)
    items = pd.DataFrame(
        {
            "item": ["b", "a", "none", "long"],
            "prompt": ["the a is", "the b of is", "q", "a" * 70],
            "answers": [["ab"], ["cd", "x"], [], ["b"]],
        }
    )
    weights = [weight for weight in model.parameters() if weight.dim() == 2]
    before = [weight.clone() for weight in weights]
    table = gradient_norms(model, tokenizer, items, weights)
    assert list(table["item"]) == ["a", "b", "long", "none"]
    by = table.set_index("item")
    assert by.loc[["a", "b"], "norm"].gt(0).all()
    assert by.loc["none", "reason"] == "no accepted answer"
    assert "the model reads 64" in by.loc["long", "reason"]
    assert by.loc[["none", "long"], "norm"].isna().all()
    assert not any(weight.requires_grad for weight in weights)
    assert all(torch.equal(*pair) for pair in zip(weights, before, strict=True))
    assert all(weight.grad is None for weight in weights)
    # Company and order change nothing.
    alone = gradient_norms(model, tokenizer, items.iloc[[0]], weights)
    assert alone["norm"].iloc[0] == by.loc["b", "norm"]


def test_the_metric_is_minus_the_logarithm_and_says_what_is_missing() -> None:
    said = {"text": "x", "stop": "eos", "reason": ""}
    names = ["a", "certain", "none", "torn", "lost"]
    records = {
        "generations": pd.DataFrame([{"item": name, **said} for name in names]),
        "gradients": pd.DataFrame(
            {
                "item": names[:4],
                "norm": [np.e**2, 0.0, np.nan, np.inf],
                "reason": ["", "", "no accepted answer", ""],
            }
        ),
    }
    found = membership_gradnorm.measure(records, pd.DataFrame({"item": names})).set_index("item")
    assert found.loc["a", "value"] == pytest.approx(-2.0)
    assert found.loc["certain", "value"] > 60
    assert list(found["status"]) == ["ok", "ok", "unscorable", "failed", "failed"]
