"""Roles with moments of their own: where two quadratics come to rest, and what stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from residue.core import methods
from residue.edits.batches import Batch, Batches, pools
from residue.edits.methods.lora import Edit
from residue.edits.objectives.npo import Objective
from residue.edits.optimiser import FlatAdamW
from residue.edits.training import train
from residue.specs.arms import OBJECTIVES, StepSpec
from residue.specs.fields import SpecError
from residue.specs.training import TrainSpec
from tests.unit.edits.objective_steps import BATCH, built, flat, step_of

APART = {"forget": 1.0, "retain": 0.5}
TWO_ROLES = [
    name
    for name in methods.names(OBJECTIVES)
    if len(methods.load(OBJECTIVES, name).Objective.ROLES) > 1
]


def rest(shares: tuple[float, ...], weights: tuple[float, float], fall: float = 1.0) -> float:
    """Where w ends, from 0.3, under ½ a (w − 1)² + ½ b (w + 1)²; apart, the first term steps first.
    fall: how far the rate has come down at the end, 1 to nothing."""
    flat = torch.tensor([0.3], dtype=torch.float64)
    optimiser = FlatAdamW({"w": flat}, weight_decay=0.0, shares=shares)
    w, steps = optimiser.flat, 800
    for k in range(steps):
        for turn in range(len(shares)):
            slopes = [weights[0] * (w - 1), weights[1] * (w + 1)]
            optimiser.gradient.copy_(slopes[turn] if len(shares) > 1 else slopes[0] + slopes[1])
            optimiser.step(0.02 * (1 - fall * k / steps), turn)
    return float(w)


@pytest.mark.parametrize("weights", [(3.0, 1.0), (1.0, 5.0), (0.01, 1.0)])
def test_two_quadratics_rest_where_the_formula_says(weights: tuple[float, float]) -> None:
    """Together at the mean by weight. Apart every step is as long as its share, so equal shares
    cancel wherever w began between the two, and unequal ones lead to the stronger's, on the same
    way whatever the weights."""
    a, b = weights
    assert rest((1.0,), weights) == pytest.approx((a - b) / (a + b), abs=1e-3)
    assert rest((1.0, 1.0), weights, fall=0) == pytest.approx(0.3, abs=1e-5)
    for shares, side in (((1.0, 0.5), 1.0), ((0.5, 1.0), -1.0)):
        ended = rest(shares, weights)
        assert ended == pytest.approx(side, abs=0.3)
        assert ended == pytest.approx(rest(shares, (1.0, 1.0)), abs=1e-4)


def test_each_turn_is_torchs_adamw_and_decay_acts_once_an_update() -> None:
    source = torch.Generator().manual_seed(0)
    ours = torch.randn(7, generator=source).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    optimiser = FlatAdamW({"w": ours}, weight_decay=0.1, shares=(0.5, 1.0))
    # The whole decay, 0.1 × rate, in the one that steps first at half the rate.
    others = [torch.optim.AdamW([theirs], weight_decay=decay) for decay in (0.2, 0.0)]
    for k in range(30):
        rate = 0.01 * (k + 1) / 30
        for turn, share in enumerate((0.5, 1.0)):
            for w in (ours, theirs):
                ((w - turn - k / 10) ** 4).sum().backward()
            others[turn].param_groups[0]["lr"] = rate * share
            others[turn].step()
            others[turn].zero_grad()
            optimiser.step(rate, turn)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", TWO_ROLES)
def test_the_roles_parts_of_every_objective_add_up(name: str, exact: tuple[Any, Any]) -> None:
    _, adapter = exact
    objective = built(name)
    batch = {role: BATCH[role] for role in objective.ROLES}
    whole = flat(objective.loss(step_of(exact, batch))[0], adapter)
    parts = torch.zeros(())
    for role in objective.ROLES:
        mine = {each: units if each == role else [] for each, units in batch.items()}
        part = flat(objective.loss(step_of(exact, mine, batch))[0], adapter)
        assert part.any(), role
        parts = parts + part
    torch.testing.assert_close(parts, whole, atol=1e-9, rtol=1e-7)


@pytest.fixture
def trained(base_folder: Path, edit_data: pd.DataFrame) -> Callable[..., Any]:
    """Weights and history of a short training in float64, without dropout."""
    from residue.models.loading import load_model

    def run(
        objective: Any, arrange: Callable[[Batch], Batch] = dict, **options: Any
    ) -> tuple[torch.Tensor, pd.DataFrame]:
        model, tokenizer = load_model(base_folder)
        model.double()
        edit = Edit(rank=2).attach(model, seed=1, place=1)
        for weight in edit.parameters().values():
            weight.data = weight.data.double()
        spec = TrainSpec(
            steps=4, warmup=1, batch={"forget": 5, "retain": 6}, check_every=0, **options
        )
        batches = Batches(pools(tokenizer, edit_data), spec.batch, seed=4)
        history = train(
            model, lambda step: arrange(batches(step)), objective, spec, None,
            reference=edit.detached, seed=9,
        )  # fmt: skip
        return torch.cat([w.detach().reshape(-1) for w in edit.parameters().values()]), history

    return run


def test_without_a_retain_term_apart_is_the_one_optimiser(trained: Callable[..., Any]) -> None:
    alone = Objective(retain_weight=0.0)
    together, plain = trained(alone)
    apart, history = trained(alone, apart=APART)
    torch.testing.assert_close(apart, together, atol=1e-12, rtol=1e-9)
    assert history["grad_norm_retain"].eq(0).all()
    assert history["grad_norm"].to_numpy() == pytest.approx(plain["grad_norm"].to_numpy())
    assert list(history) == [*plain, "grad_norm_forget", "grad_norm_retain"]


def test_the_order_within_a_batch_and_a_common_factor_play_no_part(
    trained: Callable[..., Any],
) -> None:
    wanted, _ = trained(Objective(), apart=APART)
    turned, _ = trained(
        Objective(),
        lambda batch: {role: units[::-1] for role, units in reversed(batch.items())},  # type: ignore[arg-type]
        apart=dict(reversed(APART.items())),
    )
    torch.testing.assert_close(turned, wanted, atol=1e-12, rtol=1e-7)
    # AdamW divides each role's gradient by its own size; short of its epsilon and the clip.
    weighed, _ = trained(Objective(retain_weight=250.0), apart=APART, clip=1e9)
    light, _ = trained(Objective(retain_weight=2.5), apart=APART, clip=1e9)
    torch.testing.assert_close(weighed, light, atol=1e-6, rtol=1e-3)


def test_roles_are_named_all_or_not_at_all() -> None:
    for apart, message in [
        ({"forget": 1.0}, "one role alone"),
        ({"forget": 1.0, "other": 1.0}, "is no role"),
        ({"forget": 1.0, "retain": 0.0}, "share of the rate"),
    ]:
        with pytest.raises(SpecError, match=message):
            TrainSpec(apart=apart)
    with pytest.raises(SpecError, match=r"train\.apart\.keep.*its roles are forget, retain"):
        StepSpec(train=TrainSpec(apart={**APART, "keep": 1.0}))
    assert TrainSpec(apart={"retain": 0.5, "forget": 1.0}).turns() == tuple(APART.items())
    assert TrainSpec().turns() == (("", 1.0),)
