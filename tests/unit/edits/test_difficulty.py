"""Curriculum and weights of forget items: the laws that they promise, by hand and by counting."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from residue.edits.answers import Example
from residue.edits.batches import Batches, micro_batches, pools
from residue.edits.difficulty import Curriculum, arranged, losses, ranks, weighted, weights
from residue.edits.objectives.npo import Objective as Npo
from residue.edits.objectives.wga import Objective as Wga
from residue.specs.arms import StepSpec
from residue.specs.fields import SpecError
from residue.specs.training import TrainSpec
from tests.unit.edits.objective_steps import BATCH, FORGET, flat, step_of

POOL = [(Example(f"f{i}", (1, 5 + i, 2), 2),) for i in range(5)]
KEPT = [(Example(f"r{i}", (1, 15 + i, 2), 2),) for i in range(4)]
RANK = ranks(np.array([0.3, 0.1, 2.0, 0.2, 9.0]))


def drawn(strength: float, step: int, size: int, seed: int = 0, steps: int = 11) -> list[str]:
    plain = Batches({"forget": POOL, "retain": KEPT}, {"forget": size, "retain": 2}, seed)
    batch = Curriculum(plain, RANK, strength, steps)(step)
    assert batch["retain"] == plain(step)["retain"]
    return [views[0].item for views in batch["forget"]]


def test_ranks_are_middles_between_minus_one_and_one() -> None:
    assert RANK.tolist() == [0.0, -1.0, 0.5, -0.5, 1.0]
    tied = ranks(np.array([4.0, 1.0, 1.0, 9.0]))
    assert tied.tolist() == pytest.approx([1 / 3, -2 / 3, -2 / 3, 1.0])
    assert ranks(np.array([7.0])).tolist() == [0.0]
    some = np.random.default_rng(0).normal(size=30)
    np.testing.assert_array_equal(ranks(some), ranks(np.exp(some)))  # of the order alone
    assert ranks(some).sum() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("step", "sign"), [(0, 1.0), (5, 0.0)])
def test_the_first_two_draws_have_the_law_that_is_promised(step: int, sign: float) -> None:
    """p ∝ exp(−λ sign r); a pair's second is drawn by the same p among the rest."""
    raw = np.exp(-1.5 * sign * RANK)
    p = raw / raw.sum()
    pairs = [drawn(1.5, step, 2, seed) for seed in range(1500)]
    places = np.array([[int(name[1]) for name in pair] for pair in pairs])
    first = np.bincount(places[:, 0], minlength=5) / len(places)
    both = np.bincount(places.ravel(), minlength=5) / len(places)
    second = [sum(p[i] * p[j] / (1 - p[i]) for i in range(5) if i != j) for j in range(5)]
    # Standard errors are below 0.013.
    np.testing.assert_allclose(first, p, atol=0.05)
    np.testing.assert_allclose(both, p + second, atol=0.05)


def test_a_draw_is_a_function_of_its_number_and_holds_no_item_twice() -> None:
    assert drawn(2.0, 3, 4) == drawn(2.0, 3, 4)
    assert drawn(2.0, 3, 4) != drawn(2.0, 4, 4)
    assert len(set(drawn(2.0, 3, 5))) == 5
    more = drawn(2.0, 3, 12)
    assert sorted(more.count(f"f{i}") for i in range(5)) == [2, 2, 2, 3, 3]


def test_what_is_known_best_comes_first_and_the_sign_turns_it_round() -> None:
    def seen(strength: float, step: int) -> float:
        names = [name for seed in range(40) for name in drawn(strength, step, 1, seed)]
        return float(np.mean([RANK[int(name[1])] for name in names]))

    assert seen(5.0, 0) < -0.8 < 0.8 < seen(5.0, 10)
    assert seen(-5.0, 0) > 0.8


def test_weights_have_mean_one_and_their_odds() -> None:
    found = weights(RANK, 1.0)
    assert found.mean() == pytest.approx(1.0)
    assert found[1] / found[4] == pytest.approx(math.exp(2))
    assert weights(RANK, 0.0).tolist() == [1.0] * 5


def test_losses_are_means_per_answer_token(exact: tuple[Any, Any]) -> None:
    model, _ = exact
    found = losses(model, FORGET)
    for (example, *_), loss in zip(FORGET, found, strict=True):
        logp = model(input_ids=torch.tensor([example.ids])).logits[0].log_softmax(-1)
        said = [logp[t - 1, example.ids[t]] for t in range(example.start, len(example.ids))]
        assert loss == pytest.approx(-float(torch.stack(said).mean().detach()), rel=1e-6)


@pytest.mark.parametrize("objective", [Npo(retain_weight=0.0), Wga(retain_weight=0.0)])
def test_a_weighted_loss_is_the_weighted_sum_of_its_items(
    objective: Any, exact: tuple[Any, Any]
) -> None:
    """Per item (npo) and per token (wga), loss and gradient, in one pass or in parts."""
    _, adapter = exact
    weight = np.array([0.25, 1.0, 2.0])  # powers of two: norms run in float32
    heavy = {**BATCH, "forget": weighted(FORGET, weight)}
    got, _ = objective.loss(step_of(exact, heavy))
    total, gradient = 0.0, torch.zeros(())
    for each, units in zip(weight, FORGET, strict=True):
        one, _ = objective.loss(step_of(exact, {**BATCH, "forget": [units]}, BATCH))
        total += each * float(one.detach())
        gradient = gradient + each * flat(one, adapter)
    assert float(got.detach()) == pytest.approx(total, rel=1e-9)
    torch.testing.assert_close(flat(got, adapter), gradient, rtol=1e-7, atol=1e-9)
    parts = [objective.loss(step_of(exact, micro, heavy))[0] for micro in micro_batches(heavy, 4)]
    assert sum(float(part.detach()) for part in parts) == pytest.approx(total, rel=1e-9)


def test_without_either_nothing_is_asked_of_the_model(loaded: tuple[Any, Any]) -> None:
    batches = Batches({"forget": POOL}, {"forget": 2}, 0)
    assert arranged(None, batches, TrainSpec()) is batches


def test_one_chooses_and_the_other_weighs(loaded: tuple[Any, Any], edit_data: pd.DataFrame) -> None:
    """Neither puts the other out of action, and both read every forget item."""
    model, tokenizer = loaded
    items = pools(tokenizer, edit_data)
    plain = Batches(items, {"forget": 3, "retain": 4}, 0)
    rank = ranks(losses(model, items["forget"]))
    both = arranged(model, plain, TrainSpec(curriculum=2.0, reweight=1.0))
    assert isinstance(both, Curriculum)
    np.testing.assert_array_equal(both.rank, rank)
    pool = both.batches.pools["forget"]
    assert [views[0].weight for views in pool] == pytest.approx(weights(rank, 1.0).tolist())
    assert [dataclasses.replace(views[0], weight=1.0) for views in pool] == [
        views[0] for views in items["forget"]
    ]
    alone = arranged(model, plain, TrainSpec(curriculum=2.0))
    for step in (0, 40, 79):
        names = [[views[0].item for views in made(step)["forget"]] for made in (both, alone)]
        assert names[0] == names[1]


def test_they_are_for_forget_items() -> None:
    with pytest.raises(SpecError, match=r"^curriculum: must lie between -5 and 5"):
        TrainSpec(curriculum=6.0)
    defence = TrainSpec(batch={"twin": 4, "keep": 4}, reweight=1.0)
    with pytest.raises(SpecError, match=r"^train\.reweight: is for forget items; 'struq' has none"):
        StepSpec(objective="struq", train=defence)
