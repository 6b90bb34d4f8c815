"""Answer scores against plain forwards; padding, order and buckets change nothing."""

from __future__ import annotations

import importlib
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from residue.edits import answers
from residue.edits.answers import Example, buckets, encode, score
from residue.models.lean import lean_transformers

ITEMS = [
    Example("a", (1, 5, 6, 7, 8, 2), 3),
    Example("b", (1, 9, 10, 2), 2),
    Example("c", (1, *range(4, 24), 12, 2), 21),
]


def alone(model: Any, example: Example) -> torch.Tensor:
    """log p of each answer token from an unpadded forward with the whole head."""
    ids = torch.tensor([example.ids])
    logp = model(input_ids=ids).logits[0].log_softmax(-1)
    places = torch.arange(example.start, ids.shape[1])
    return logp[places - 1, ids[0, places]]


@pytest.mark.parametrize("bucket", [True, False])
def test_scores_equal_each_item_alone(
    loaded: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch, bucket: bool
) -> None:
    model, _ = loaded
    monkeypatch.setattr(answers, "FORWARD_COST", 3)
    with torch.no_grad():
        scores = score(model, ITEMS, bucket=bucket)
        each = [alone(model, example) for example in ITEMS]
    torch.testing.assert_close(scores.tokens, torch.cat(each), atol=1e-5, rtol=1e-5)
    sums = torch.stack([part.sum() for part in each])
    torch.testing.assert_close(scores.sums, sums, atol=1e-5, rtol=1e-5)
    assert scores.targets.tolist() == [i for e in ITEMS for i in e.ids[e.start :]]
    last = scores.select(1, 3)
    assert torch.equal(last.sums, scores.sums[1:])
    assert scores.select(2, 2).n == 0


def test_exact_is_greedy_decoding(loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    prompt = (1, 5, 6)
    ids = torch.tensor([prompt])
    for _ in range(3):
        step = model(input_ids=ids).logits[0, -1].argmax()
        ids = torch.cat([ids, step[None, None]], dim=1)
    right = tuple(ids[0].tolist())
    wrong = (*right[:-1], (right[-1] + 1) % 31)
    with torch.no_grad():
        told = score(model, [Example("r", right, 3), Example("w", wrong, 3)]).exact
    assert told.tolist() == [True, False]


def test_the_end_token_belongs_to_the_answer(loaded: tuple[Any, Any]) -> None:
    _, tokenizer = loaded
    example = encode(tokenizer, "x", "ab", "cd")
    assert example.ids[-1] == tokenizer.eos_token_id
    assert example.ids[0] == tokenizer.bos_token_id
    assert len(example.ids) - example.start == len(tokenizer.encode(" cd")) + 1


def test_nothing_is_cut_silently(loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    with pytest.raises(ValueError, match="item long has 200 tokens but the model takes 192"):
        score(model, [Example("long", tuple([5] * 200), 60)])


def test_no_items_no_scores(loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    nothing = score(model, [])
    assert nothing.n == 0
    assert nothing.sums.shape == (0,)


@given(st.lists(st.integers(2, 400), min_size=1, max_size=60))
def test_buckets_hold_every_item_once_and_each_split_pays(lengths: list[int]) -> None:
    groups = buckets(lengths)
    assert sorted(i for group in groups for i in group) == list(range(len(lengths)))
    widest = [max(lengths[i] for i in group) for group in groups]
    assert all(low <= high for low, high in pairwise(widest))
    padded = sum(len(group) * wide for group, wide in zip(groups, widest, strict=True))
    saved = len(lengths) * max(lengths) - padded
    assert saved >= answers.FORWARD_COST * (len(groups) - 1)


@pytest.mark.parametrize("kind", ["gemma2", "gpt2"])
def test_caps_scales_and_tied_heads_stay_the_models_own(kind: str) -> None:
    lean_transformers()
    module = importlib.import_module(f"transformers.models.{kind}.modeling_{kind}")
    sizes = {
        "gemma2": {
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 8,
            "final_logit_softcapping": 2.0,
        },
        "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64},
    }[kind]
    name = {"gemma2": "Gemma2", "gpt2": "GPT2"}[kind]
    config = getattr(module, f"{name}Config")(vocab_size=31, initializer_range=0.5, **sizes)
    head = {"gemma2": "ForCausalLM", "gpt2": "LMHeadModel"}[kind]
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(1)
        model = getattr(module, name + head)(config).eval()
        each = torch.cat([alone(model, example) for example in ITEMS])
        torch.testing.assert_close(score(model, ITEMS).tokens, each, atol=1e-5, rtol=1e-5)
