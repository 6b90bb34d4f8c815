"""NPO against its closed form and its limits."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any

import pytest
import torch

from residue.edits.answers import Example
from residue.edits.methods.lora import Edit
from residue.edits.objectives.npo import Objective
from residue.edits.step import Step
from residue.edits.terms import push
from residue.specs.fields import SpecError

FORGET = [(Example("f1", (1, 5, 6, 7, 8, 2), 3),), (Example("f2", (1, 9, 10, 2), 2),)]
RETAIN = [(Example("r1", (1, 4, 11, 12, 2), 2),)]
BATCH = {"forget": FORGET, "retain": RETAIN}


@pytest.mark.parametrize("beta", [0.05, 0.3, 2.0])
@pytest.mark.parametrize("ratio", [-7.0, -0.5, 0.0, 1.5])
def test_closed_form(beta: float, ratio: float) -> None:
    sigma = 1 / (1 + math.exp(beta * ratio))  # σ(−βΔ)
    expected = -2 / beta * math.log(sigma)
    assert push(torch.tensor(ratio, dtype=torch.float64), beta) == pytest.approx(expected)


def test_no_overflow_far_from_the_reference() -> None:
    far = push(torch.tensor([-1e4, 1e4]), 0.1)
    assert far.isfinite().all()
    assert far[1] == pytest.approx(2e4)


def test_gradient_weight_is_twice_sigma_and_falls_to_zero_with_the_ratio() -> None:
    ratio = torch.linspace(-60, 5, 40, dtype=torch.float64, requires_grad=True)
    push(ratio, 0.3).sum().backward()
    assert ratio.grad is not None
    torch.testing.assert_close(ratio.grad, 2 * torch.sigmoid(0.3 * ratio.detach()))
    assert (ratio.grad.diff() > 0).all()
    assert ratio.grad[0] < 1e-7


def policy_gradient(model: Any, adapter: Any, objective: Objective) -> torch.Tensor:
    loss, _ = objective.loss(Step(model, adapter.detached, BATCH, BATCH))
    weights = list(adapter.parameters().values())
    return torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, weights)])


def test_small_beta_gives_the_gradient_of_ascent(loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    model.double()
    adapter = Edit(rank=2).attach(model, seed=1, place=1)
    with torch.no_grad():
        for weight in adapter.parameters().values():
            weight.data = weight.data.double()
            weight += 0.05 * torch.ones_like(weight)
    step = Step(model, nullcontext, BATCH, BATCH)
    ascent = step.forget.item_mean(step.forget.policy.sums)
    weights = list(adapter.parameters().values())
    wanted = torch.cat([g.reshape(-1) for g in torch.autograd.grad(ascent, weights)])

    def gap(beta: float) -> float:
        grad = policy_gradient(model, adapter, Objective(beta=beta, retain_weight=0.0))
        return float((grad - wanted).norm() / wanted.norm())

    assert gap(1e-5) < 1e-4
    # First order in β: ten times nearer the limit, ten times nearer the gradient.
    assert gap(1e-2) / gap(1e-3) == pytest.approx(10, rel=0.05)


def test_at_the_reference_the_forget_part_is_two_over_beta_log_two(
    loaded: tuple[Any, Any],
) -> None:
    model, _ = loaded
    adapter = Edit(rank=2).attach(model, seed=1, place=1)
    _, parts = Objective(beta=0.4).loss(Step(model, adapter.detached, BATCH, BATCH))
    assert parts["forget"].item() == pytest.approx(2 / 0.4 * math.log(2), rel=1e-6)
    assert parts["push"].item() == pytest.approx(1.0, rel=1e-6)


def test_total_is_the_weighted_sum_and_retain_the_mean_token_loss(
    loaded: tuple[Any, Any],
) -> None:
    model, _ = loaded
    adapter = Edit(rank=2).attach(model, seed=1, place=1)
    objective = Objective(beta=0.4, forget_weight=2.0, retain_weight=3.0)
    total, parts = objective.loss(Step(model, adapter.detached, BATCH, BATCH))
    example = RETAIN[0][0]
    ids = torch.tensor([example.ids])
    logp = model(input_ids=ids).logits[0].log_softmax(-1)
    spoken = [logp[t - 1, example.ids[t]] for t in range(example.start, len(example.ids))]
    loss = -torch.stack(spoken).mean().item()
    assert parts["retain"].item() == pytest.approx(loss, rel=1e-5)
    assert total.item() == pytest.approx(2 * parts["forget"].item() + 3 * loss, rel=1e-5)


@pytest.mark.parametrize("key", ["beta", "forget_weight", "retain_weight"])
def test_impossible_options_name_their_key(key: str) -> None:
    with pytest.raises(SpecError, match=f"^{key}: "):
        Objective(**{key: -1.0})
