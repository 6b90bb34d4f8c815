"""What every objective inherits: sums over micro-batches, true gradients, checked options; and the
faults that others shipped."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from residue.core import methods
from residue.edits.answers import Example
from residue.edits.batches import micro_batches
from residue.edits.objectives.npo import Objective as Npo
from residue.specs.arms import OBJECTIVES
from residue.specs.fields import SpecError
from tests.unit.edits.objective_steps import BATCH, RETAIN, built, flat, step_of

NAMES = methods.names(OBJECTIVES)
IN_BATCH = ("contrastive", "infonce", "invariant", "triplet")
"""Objectives that compare the items of one micro-batch with each other."""


@pytest.mark.parametrize("name", [name for name in NAMES if name not in IN_BATCH])
def test_micro_batches_add_up_to_the_whole(name: str, exact: tuple[Any, Any]) -> None:
    _, adapter = exact
    objective = built(name)
    batch = {role: BATCH[role] for role in objective.ROLES}
    whole, parts = objective.loss(step_of(exact, batch))
    wanted, gradient = float(whole.detach()), flat(whole, adapter)
    loss, grad = torch.zeros(()).double(), torch.zeros(())
    sums: dict[str, float] = dict.fromkeys(parts, 0.0)
    count = 0
    for micro in micro_batches(batch, 2):
        share, shares = objective.loss(step_of(exact, micro, batch))
        loss, grad = loss + share.detach(), grad + flat(share, adapter)
        sums = {part: sums[part] + float(value.detach()) for part, value in shares.items()}
        count += 1
    assert count > 1 or len(batch) == 1
    assert float(loss) == pytest.approx(wanted, abs=1e-9)
    assert sums == pytest.approx(
        {part: float(value.detach()) for part, value in parts.items()}, abs=1e-9
    )
    torch.testing.assert_close(grad, gradient, atol=1e-9, rtol=1e-7)


HELD_APART = ("latent_adversarial", "wga", "satimp", "ceu")
"""Objectives with a part that no gradient passes: a bend, a weight, a target."""


@pytest.mark.parametrize("name", [name for name in NAMES if name not in HELD_APART])
def test_gradients_are_those_of_the_loss(name: str, exact: tuple[Any, Any]) -> None:
    """Central differences along a random direction."""
    _, adapter = exact
    objective = built(name)
    grad = flat(objective.loss(step_of(exact))[0], adapter)
    source = torch.Generator().manual_seed(3)
    way = torch.randn(grad.shape, generator=source, dtype=torch.float64)
    way /= way.norm()

    def at(distance: float) -> float:
        start = 0
        with torch.no_grad():
            for weight in adapter.parameters().values():
                part = way[start : start + weight.numel()].view_as(weight)
                weight += distance * part
                start += weight.numel()
        return float(objective.loss(step_of(exact))[0].detach())

    # Norms and rotations run in float32, so that a smaller distance would measure rounding.
    size = 2e-3
    slope = (at(size) - at(-2 * size)) / (2 * size)  # the weights are at +size by then
    assert slope == pytest.approx(float(grad @ way), rel=2e-2, abs=1e-3)


@contextmanager
def head_shifted(model: Any, by: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    handle = model.get_output_embeddings().register_forward_hook(lambda _m, _i, out: by(out))
    try:
        yield
    finally:
        handle.remove()


@pytest.mark.parametrize("name", NAMES)
def test_raw_logits_play_no_part(name: str, exact: tuple[Any, Any]) -> None:
    """A constant added to all logits of a place is no change: losses read log-probabilities.

    MUSE's NPO and KL read raw logits (muse_bench #2, #5).
    """
    model, _ = exact
    objective = built(name)
    options = {field.name for field in dataclasses.fields(objective)}
    for held in ("retain", "keep"):
        if held in options:
            objective = dataclasses.replace(objective, **{held: "kl"})
    plain = objective.loss(step_of(exact))[0].detach()
    with head_shifted(model, lambda out: out + 7.5):
        shifted = objective.loss(step_of(exact))[0].detach()
    assert float(shifted) == pytest.approx(float(plain), abs=1e-8)


@pytest.mark.parametrize("retain", ["nll", "kl"])
def test_prompts_and_pads_play_no_part(retain: Any, exact: tuple[Any, Any]) -> None:
    """A term is a mean over answer tokens, whatever pads them and however long their prompts are.

    UNDIAL in open-unlearning averages over prompt and pad tokens as well.
    """
    objective = Npo(retain=retain)
    long = (Example("r3", (1, *range(4, 24), 25, 2), 21),)
    alone = [
        float(objective.loss(step_of(exact, {**BATCH, "retain": [views]}))[1]["retain"].detach())
        for views in (*RETAIN, long)
    ]
    together = objective.loss(step_of(exact, {**BATCH, "retain": [*RETAIN, long]}))[1][
        "retain"
    ].detach()
    tokens = [len(views[0].ids) - views[0].start for views in (*RETAIN, long)]
    mean = sum(a * n for a, n in zip(alone, tokens, strict=True)) / sum(tokens)
    assert float(together) == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_impossible_options_name_their_key(name: str) -> None:
    for field in dataclasses.fields(built(name)):
        if isinstance(getattr(built(name), field.name), float):
            with pytest.raises(SpecError, match=f"^{field.name}: "):
                built(name, **{field.name: -1.0})
