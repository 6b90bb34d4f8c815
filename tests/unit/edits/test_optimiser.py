"""The flat AdamW against torch's own."""

from __future__ import annotations

import pytest
import torch

from residue.edits.optimiser import FlatAdamW

SHAPES = {"a": (3, 4), "b": (5,), "c": (2, 2)}


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_equals_torch_over_many_steps(decay: float) -> None:
    source = torch.Generator().manual_seed(0)
    ours = {n: torch.randn(s, generator=source).requires_grad_() for n, s in SHAPES.items()}
    theirs = [w.detach().clone().requires_grad_() for w in ours.values()]
    optimiser = FlatAdamW(ours, weight_decay=decay)
    other = torch.optim.AdamW(theirs, lr=1.0, weight_decay=decay)
    for k in range(30):
        rate = 0.01 * (k + 1) / 30
        for weights in (ours.values(), theirs):
            sum(((w - k / 10) ** 4).sum() for w in weights).backward()
        norm = torch.nn.utils.clip_grad_norm_(theirs, 0.7)
        assert optimiser.clip(0.7) == pytest.approx(float(norm), rel=1e-5)
        other.param_groups[0]["lr"] = rate
        other.step()
        other.zero_grad(set_to_none=False)
        optimiser.step(rate)
    for mine, their in zip(ours.values(), theirs, strict=True):
        torch.testing.assert_close(mine, their, atol=1e-6, rtol=1e-5)


def test_a_restored_state_continues_to_the_bit() -> None:
    def run(weights: dict[str, torch.Tensor], optimiser: FlatAdamW, steps: range) -> None:
        for k in steps:
            sum(((w - k) ** 2).sum() for w in weights.values()).backward()
            optimiser.step(0.01)

    def fresh() -> tuple[dict[str, torch.Tensor], FlatAdamW]:
        weights = {n: torch.ones(s).requires_grad_() for n, s in SHAPES.items()}
        return weights, FlatAdamW(weights, weight_decay=0.1)

    whole, straight = fresh()
    run(whole, straight, range(6))
    first, half = fresh()
    run(first, half, range(3))
    saved = {name: t.clone() for name, t in half.state().items()}
    second, rest = fresh()
    rest.restore(saved, half.count)
    run(second, rest, range(3, 6))
    assert torch.equal(rest.flat, straight.flat)
    assert torch.equal(second["a"], whole["a"])
