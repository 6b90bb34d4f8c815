"""Objectives that steer, bend or read inner rows: their formulas, bounds and addresses."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from residue.edits.answers import Example
from residue.edits.objectives.latent_adversarial import Objective as Latent
from residue.edits.objectives.latent_adversarial import away
from residue.edits.objectives.rmu import Objective as Rmu
from residue.edits.objectives.rmu import direction
from residue.edits.rows import bent_scores, read_rows
from residue.models.blocks import row_hooks
from tests.unit.edits.objective_steps import FORGET, RETAIN, step_of


def test_rmu_is_its_formula(exact: tuple[Any, Any]) -> None:
    model, adapter = exact
    objective = Rmu(row=1, coefficient=2.5, retain_weight=4.0, direction=3)
    total, parts = objective.loss(step_of(exact))
    u = direction(3, 32).double()

    def rows(example: Example) -> torch.Tensor:
        with torch.no_grad(), row_hooks(model) as held:
            model(input_ids=torch.tensor([example.ids]))
        return held[1][0, 1:]

    def mean(units: Any, *, steer: bool) -> float:
        found = []
        for views in units:
            now = rows(views[0])
            with adapter.detached():
                was = rows(views[0])
            norm = was.norm(dim=1, keepdim=True)
            target = 2.5 * norm * u if steer else was
            found += ((now - target) / norm).square().sum(1).tolist()
        return sum(found) / len(found)

    forget, retain = mean(FORGET, steer=True), mean(RETAIN, steer=False)
    assert parts["forget"].item() == pytest.approx(forget, abs=1e-6)
    assert parts["retain"].item() == pytest.approx(retain, abs=1e-6)
    assert total.item() == pytest.approx(forget + 4 * retain, abs=1e-6)


def test_rmu_steers_to_a_unit_vector_of_any_orthant() -> None:
    """Draws from [0, 1) would all lie in one orthant, and so be much alike."""
    drawn = torch.stack([direction(number, 64) for number in range(40)])
    torch.testing.assert_close(drawn.norm(dim=1), torch.ones(40))
    assert 0.4 < float((drawn < 0).float().mean()) < 0.6
    assert torch.equal(direction(5, 64), direction(5, 64))
    between = (drawn @ drawn.T)[~torch.eye(40, dtype=torch.bool)]
    assert float(between.mean().abs()) < 0.05


def test_rmu_needs_weights_below_its_row(exact: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match="below row 0.*raise its row"):
        Rmu(row=0).loss(step_of(exact))
    with pytest.raises(ValueError, match="row 9 does not exist.*rows 0 to 2"):
        Rmu(row=9).loss(step_of(exact))


def test_rows_are_those_that_a_record_keeps(exact: tuple[Any, Any]) -> None:
    model, _ = exact
    examples = [views[0] for views in FORGET]
    for row in (0, 1, 2):
        got = read_rows(model, examples, row)
        with torch.no_grad(), row_hooks(model) as held:
            model(input_ids=torch.tensor([examples[0].ids]))
        torch.testing.assert_close(got[:5].double(), held[row][0, 1:], atol=1e-5, rtol=1e-5)
    assert not model.model.layers[1]._forward_pre_hooks


def test_the_adversary_brings_answers_back_within_its_bound(exact: tuple[Any, Any]) -> None:
    model, _ = exact
    examples = [views[0] for views in FORGET]
    plain = step_of(exact).forget.policy.sums.detach()
    weak, strong = (bent_scores(model, examples, 1, bound, 4).sums for bound in (0.02, 0.1))
    assert (weak > plain).all()
    assert (strong > weak).all()
    _, parts = Latent(row=1, bound=0.1, inner_steps=4).loss(step_of(exact))
    gained = float((strong.detach() - plain).mean())
    assert parts["gained"].item() == pytest.approx(gained, rel=1e-5)
    # Nearly no bend, nearly the odds of the answers as they are: −log(1 − P).
    _, near = Latent(row=1, bound=1e-7).loss(step_of(exact))
    by_hand = float(-torch.log1p(-plain.exp()).mean())
    assert near["forget"].item() == pytest.approx(by_hand, rel=1e-5)


def test_away_pushes_hardest_where_the_adversary_has_made_an_answer_certain() -> None:
    """d/dS −log(1 − e^S) = P / (1 − P); of log P itself it would be 1 − P on each logit, so 0."""
    sums = torch.tensor([-1e-3, -0.5, -4.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(away(sums).sum(), sums)
    odds = sums.detach().exp() / -sums.detach().expm1()
    torch.testing.assert_close(slope, odds)
    assert bool(torch.isfinite(away(torch.tensor([0.0, -200.0]))).all())


def test_the_bend_stays_within_its_bound_and_off_the_answers(exact: tuple[Any, Any]) -> None:
    model, _ = exact
    examples = [FORGET[0][0]]
    seen: list[torch.Tensor] = []
    block = model.model.layers[1]

    def look(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        seen.append((args[0] if args else kwargs["hidden_states"]).detach())

    handle = block.register_forward_pre_hook(look, with_kwargs=True)
    try:
        # `look` was hooked first, so it sees the row before it is bent; the block's own input
        # afterwards is read at its norm.
        after: list[torch.Tensor] = []
        norm = block.input_layernorm.register_forward_pre_hook(
            lambda _, args: after.append(args[0].detach())
        )
        bent_scores(model, examples, 1, 0.25, 3)
        norm.remove()
    finally:
        handle.remove()
    change = (after[-1] - seen[-1])[0]
    share = change.norm(dim=1) / seen[-1][0].norm(dim=1)
    assert float(share.max()) <= 0.25 + 1e-9
    assert float(share[1:3].min()) > 0.2
    assert float(change[0].abs().max()) == 0.0
    assert float(change[3:].abs().max()) == 0.0
