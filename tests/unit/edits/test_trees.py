"""What texts share is passed once: same numbers, same gradients, or the plain way by name."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from residue.edits import answers
from residue.edits.answers import Example, score
from residue.edits.methods.gated_reft import Edit as GatedReft
from residue.edits.methods.lora import Edit as Lora
from residue.edits.objectives.secalign import Objective as SecAlign
from residue.edits.objectives.struq import Objective as StruQ
from residue.edits.step import Step
from residue.edits.trees import grow, inputs, obstacle, saves
from residue.models.loading import load_model
from tests.architectures import KINDS, save_architecture

tokens = st.integers(3, 6)
texts = st.lists(st.lists(tokens, min_size=1, max_size=9).map(tuple), min_size=1, max_size=5)


def twin(draw: Any, name: str) -> tuple[Example, Example, Example]:
    """Clean and attacked prompt from a shared start on, and two answers to the attacked one."""
    part = st.lists(st.integers(3, 30), min_size=1, max_size=7).map(tuple)
    start, order, tail, right, wrong = (draw(part) for _ in range(5))
    clean, attacked = (1, *start, *tail), (1, *start, *order, *tail)
    return (
        Example(name, (*clean, *right, 2), len(clean)),
        Example(name, (*attacked, *right, 2), len(attacked)),
        Example(name, (*attacked, *wrong, 2), len(attacked)),
    )


@st.composite
def twins(draw: Any) -> list[tuple[Example, Example, Example]]:
    return [twin(draw, str(number)) for number in range(draw(st.integers(1, 4)))]


@given(texts)
def test_a_tree_holds_every_beginning_once(given_texts: list[tuple[int, ...]]) -> None:
    tree = grow(given_texts)
    assert len(tree.ids) == len({t[: n + 1] for t in given_texts for n in range(len(t))})
    for text, path in zip(given_texts, tree.paths, strict=True):
        assert tuple(tree.ids[place] for place in path) == text
        assert [tree.positions[place] for place in path] == list(range(len(text)))
        assert list(path) == sorted(path)


@given(texts)
def test_a_place_sees_its_text_so_far_and_nothing_else(given_texts: list[tuple[int, ...]]) -> None:
    tree, filler = grow(given_texts), grow([(1,) * 20])
    with torch.device("cpu"):
        mask = inputs([tree, filler], torch.nn.Linear(1, 1))["attention_mask"][0, 0] == 0
    for path in tree.paths:
        for depth, place in enumerate(path):
            assert mask[place].nonzero()[:, 0].tolist() == sorted(path[: depth + 1])


def passes(model: Any) -> tuple[list[int], Any]:
    """Tokens of every forward pass from now on, and the handle that ends it."""
    seen: list[int] = []
    hook = model.register_forward_pre_hook(
        lambda _, __, kwargs: seen.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    return seen, hook


def views_in_order(units: Sequence[tuple[Example, ...]]) -> tuple[list[Example], list[list[int]]]:
    examples = [unit[view] for view in range(3) for unit in units]
    return examples, [[view * len(units) + n for view in range(3)] for n in range(len(units))]


CLEAN, ATTACKED = (1, *range(3, 14)), (1, *range(3, 11), 25, 26)
UNITS = [
    (Example("a", (*CLEAN, 20, 2), 12), Example("a", (*ATTACKED, 20, 2), 11),
     Example("a", (*ATTACKED, 27, 2), 11)),
    (Example("b", (1, 9, 8, 7, 7, 2), 4), Example("b", (1, 9, 8, 6, 5, 7, 2), 5),
     Example("b", (1, 9, 8, 6, 5, 30, 29, 2), 5)),
]  # fmt: skip
WAYS = [(kind, "eager") for kind in KINDS] + [(kind, "sdpa") for kind in KINDS if kind != "gemma2"]
"""Gemma 2 caps its attention's logits, for which transformers has no sdpa."""


@pytest.mark.parametrize(("kind", "attention"), WAYS)
def test_every_architecture_gives_the_numbers_of_texts_passed_alone(
    kind: str, attention: str, tmp_path: Path
) -> None:
    model, _ = load_model(save_architecture(tmp_path / kind, kind))
    model.set_attn_implementation(attention)
    assert obstacle(model, 20) == ""
    examples, together = views_in_order(UNITS)
    found, passed = [], []
    for groups in ((), together):
        seen, hook = passes(model)
        scores = score(model, examples, row=2, together=groups)
        assert scores.hidden is not None
        loss = scores.tokens.square().mean() + scores.hidden.square().mean()
        weights = [w for w in model.parameters() if w.requires_grad]
        found.append((scores.logits, scores.hidden, torch.autograd.grad(loss, weights)))
        passed.append(sum(seen))
        hook.remove()
    (logits, hidden, slopes), (packed, row, gradients) = found
    assert passed[1] < 0.7 * passed[0]
    torch.testing.assert_close(packed, logits, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(row, hidden, atol=1e-5, rtol=1e-5)
    for one, other in zip(gradients, slopes, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(twins(), st.sampled_from([SecAlign(), StruQ()]))
def test_a_defence_has_the_same_loss_and_gradient(
    loaded: tuple[Any, Any], units: list[Any], objective: Any
) -> None:
    model, _ = loaded
    edit = Lora(rank=2).attach(model, seed=1, place=1)
    for name, weight in edit.parameters().items():
        with torch.no_grad():
            weight.copy_(torch.sin(torch.arange(weight.numel()) + len(name)).view_as(weight) / 9)
    batch = {"twin": units, "keep": [(unit[0],) for unit in units]}
    found = []
    for plain in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            if plain:
                patch.setattr(answers, "obstacle", lambda *_: "not now")
            step = Step(model, lambda: nullcontext(), batch, batch, objective.views)
            loss, parts = objective.loss(step)
        slopes = torch.autograd.grad(loss, list(edit.parameters().values()))
        found.append((loss, parts, slopes))
    edit.detach()
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_texts_that_share_little_are_passed_alone(loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    examples = [Example("x", (1, 5, 6, 7, 2), 3), Example("y", (1, 8, 9, 10, 2), 3)]
    assert not saves(grow([each.ids for each in examples]))
    with torch.no_grad():
        alone = score(model, examples)
        assert torch.equal(score(model, examples, together=[[0, 1]]).logits, alone.logits)


def test_what_cannot_tell_texts_apart_is_given_them_one_by_one(loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    examples, together = views_in_order(UNITS)
    model.config.sliding_window = 8
    assert "14 tokens and the model sees 8 back" in obstacle(model, 14)
    model.config.sliding_window = None
    model.config.model_type = "mamba"
    assert "mamba was not tried" in obstacle(model, 14)
    model.config.model_type = "llama"
    edit = GatedReft(rank=2, row=1).attach(model, seed=0, place=1)
    assert "reads whole sequences" in obstacle(model, 14)
    with torch.no_grad():
        alone = score(model, examples)
        assert torch.equal(score(model, examples, together=together).logits, alone.logits)
    edit.detach()
    assert obstacle(model, 14) == ""
