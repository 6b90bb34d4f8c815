"""Objectives that forget answers against numbers by hand, their limits, and what they prefer."""

from __future__ import annotations

import dataclasses
import math
from contextlib import nullcontext
from typing import Any

import pandas as pd
import pytest
import torch

from residue.edits.answers import Scores
from residue.edits.batches import preferences
from residue.edits.objectives.dpo import Objective as Dpo
from residue.edits.objectives.gradient_ascent import Objective as Ascent
from residue.edits.objectives.gradient_difference import Objective as Difference
from residue.edits.objectives.npo import Objective as Npo
from residue.edits.objectives.simnpo import Objective as SimNpo
from residue.edits.step import Step
from residue.edits.terms import kl
from tests.unit.edits.objective_steps import BATCH, FORGET, RETAIN, Said, built, flat, step_of

POLICY, REFERENCE = [[-2.0, -6.0], [-1.0, -3.0], [-0.4, -0.8]], [[-1.0, -3.0], [-4.0, -5.0], [0, 0]]


def log_sigma(x: float) -> float:
    return -math.log1p(math.exp(-x))


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (Ascent(), (-2.0 - 6.0) / 2),
        (Difference(retain_weight=0.0), (-2.0 - 6.0) / 2),
        # Δ = −1, −3
        (Npo(beta=0.5), -2 / 0.5 * (log_sigma(0.5 * 1) + log_sigma(0.5 * 3)) / 2),
        # ℓ = 2/1 and 6/3 nats per token, δ = 0.5
        (SimNpo(beta=4.5, margin=0.5), -2 / 4.5 * log_sigma(4.5 * (2.0 - 0.5))),
        # Δ(alternate) = 3, 2 and Δ(y) = −1, −3
        (Dpo(beta=0.5), -2 / 0.5 * (log_sigma(0.5 * 4) + log_sigma(0.5 * 5)) / 2),
    ],
    ids=lambda value: type(value).__module__.rpartition(".")[2],
)
def test_forget_terms_are_their_formulas(objective: Any, expected: float) -> None:
    _, parts = objective.loss(Said(POLICY, REFERENCE))
    assert parts["forget"].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("objective", [Npo(), SimNpo(), Dpo(), Difference()])
def test_the_total_is_the_weighted_sum(objective: Any) -> None:
    objective = dataclasses.replace(objective, forget_weight=2.0, retain_weight=3.0)
    total, parts = objective.loss(Said(POLICY, REFERENCE))
    assert parts["retain"].item() == pytest.approx((0.4 + 0.8) / 16, abs=1e-6)
    assert total.item() == pytest.approx(2 * parts["forget"].item() + 3 * parts["retain"].item())


def test_npo_tends_to_ascent_and_dpo_to_npo(exact: tuple[Any, Any]) -> None:
    _, adapter = exact
    ascent = flat(Ascent().loss(step_of(exact))[0], adapter)
    gaps = []
    for beta in (1e-2, 1e-3):
        pushed = flat(Npo(beta=beta, retain_weight=0.0).loss(step_of(exact))[0], adapter)
        gaps.append(float((pushed - ascent).norm() / ascent.norm()))
    assert gaps[1] < 2e-3
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.05)  # first order in β
    # With alternates that the reference and the policy say alike, DPO is NPO.
    alike = Said([POLICY[0], [-1.0, -3.0], POLICY[2]], [REFERENCE[0], [-1.0, -3.0], [0, 0]])
    got, want = (each.loss(alike)[1]["forget"] for each in (Dpo(beta=0.7), Npo(beta=0.7)))
    assert got.item() == pytest.approx(want.item(), abs=1e-12)


@pytest.mark.parametrize("name", ["npo", "simnpo", "dpo", "latent_adversarial"])
def test_pushes_let_go(name: str) -> None:
    """The gradient on a forget answer falls to 0 as it becomes unlikely."""
    objective = built(name) if name == "latent_adversarial" else built(name, beta=2.0)
    slopes = []
    for far in (-0.01, -4.0, -40.0):
        sums = torch.tensor([far, far], dtype=torch.float64, requires_grad=True)
        said = Said([[0.0, 0.0]] * 3, [[0.0, 0.0]] * 3)
        said.forget.policy.sums = sums
        said.forget.policy.means = sums / torch.tensor([1.0, 3.0])
        said.forget.bent = lambda *_: said.forget.policy  # noqa: B023
        loss, _ = objective.loss(said)
        slopes.append(float(torch.autograd.grad(loss, sums)[0].abs().max()))
    assert slopes[0] > slopes[1] > slopes[2]
    assert slopes[2] < 1e-9


def scores_of(logits: torch.Tensor) -> Scores:
    n = len(logits)
    return Scores(logits, torch.zeros(n, dtype=torch.int64), torch.arange(n), n)


def test_kl_is_that_of_the_reference_over_the_vocabulary_and_has_a_direction() -> None:
    p, q = torch.tensor([[[0.7, 0.2, 0.1]], [[0.2, 0.3, 0.5]]], dtype=torch.float64)
    by_hand = sum(a * math.log(a / b) for a, b in zip(p[0].tolist(), q[0].tolist(), strict=True))
    assert kl(scores_of(p.log()), scores_of(q.log() + 3)).item() == pytest.approx(by_hand, abs=1e-9)
    assert kl(scores_of(q.log()), scores_of(p.log())).item() != pytest.approx(by_hand, abs=1e-2)


def test_kl_retain_starts_at_zero_and_is_per_token(exact: tuple[Any, Any]) -> None:
    model, adapter = exact
    same = Step(model, nullcontext, BATCH, BATCH)
    assert float(Npo(retain="kl").loss(same)[1]["retain"].detach()) == pytest.approx(0, abs=1e-12)
    step = step_of(exact)
    said, by = step.retain.reference.logits, step.retain.policy.logits
    each = (said.softmax(1) * (said.log_softmax(1) - by.log_softmax(1))).sum(1)
    got = float(Npo(retain="kl").loss(step_of(exact))[1]["retain"].detach())
    assert got == pytest.approx(float(each.mean().detach()), abs=1e-6)
    assert len(each) == sum(len(views[0].ids) - views[0].start for views in RETAIN)


def test_means_divide_each_answer_by_its_own_length(exact: tuple[Any, Any]) -> None:
    scores = step_of(exact).forget.policy
    lengths = [len(views[0].ids) - views[0].start for views in FORGET]
    torch.testing.assert_close(scores.means, scores.sums / torch.tensor(lengths))


def test_alternates_come_from_the_data_or_are_refusals(loaded: tuple[Any, Any]) -> None:
    _, tokenizer = loaded
    rows = [
        {"set": "forget", "item": "a", "prompt": "x", "answer": "b", "language": "en"},
        {"set": "forget", "item": "c", "prompt": "y", "answer": "d", "language": "xx"},
        {"set": "retain", "item": "e", "prompt": "z", "answer": "f", "language": "en"},
    ]
    refusals = {"en": ("no",), "hi": ("nahin",)}

    def second(frame: pd.DataFrame) -> list[str]:
        views = preferences(tokenizer, frame, refusals)
        assert all(len(each) == 2 for each in views)
        return [tokenizer.decode(v.ids[v.start : -1]).replace(" ", "") for _, v in views]

    frame = pd.DataFrame(rows)
    assert second(frame) == ["no", "no"]
    assert second(frame.assign(alternate=["qu", "", "r"])) == ["qu", "no"]
