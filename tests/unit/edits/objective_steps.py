"""Small batches, a model with an adapter, and steps of them, for the tests of objectives."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import torch

from residue.core import methods
from residue.edits.answers import Example
from residue.edits.batches import Batch
from residue.edits.lensed import Lens
from residue.edits.step import Step
from residue.specs.arms import OBJECTIVES

FORGET = [
    (Example("f1", (1, 5, 6, 7, 8, 2), 3), Example("f1", (1, 5, 6, 20, 2), 3)),
    (Example("f2", (1, 9, 10, 2), 2), Example("f2", (1, 9, 21, 22, 23, 2), 2)),
    (Example("f3", (1, 9, 14, 15, 4, 2), 4), Example("f3", (1, 9, 14, 15, 24, 2), 4)),
]
RETAIN = [
    (Example("r1", (1, 4, 11, 12, 2), 2),),
    (Example("r2", (1, 4, 13, 2), 3),),
]
TWINS = [
    (
        Example("t1", (1, 5, 6, 7, 8, 2), 3),
        Example("t1", (1, 5, 6, 20, 21, 7, 8, 2), 5),
        Example("t1", (1, 5, 6, 20, 21, 22, 2), 5),
    ),
    (
        Example("t2", (1, 9, 10, 11, 2), 3),
        Example("t2", (1, 9, 10, 23, 11, 2), 4),
        Example("t2", (1, 9, 10, 23, 24, 25, 2), 4),
    ),
    (
        Example("t3", (1, 12, 10, 13, 2), 3),
        Example("t3", (1, 12, 10, 26, 13, 2), 4),
        Example("t3", (1, 12, 10, 26, 24, 2), 4),
    ),
]
BATCH: Batch = {"forget": FORGET, "retain": RETAIN, "twin": TWINS, "keep": RETAIN}


def some_lens() -> Lens:
    """A lens of the tiny model with translators that differ from the identity."""
    source = torch.Generator().manual_seed(6)
    drawn = [
        (0.05 * torch.randn(32, 32, generator=source), 0.1 * torch.randn(32, generator=source))
        for _ in range(2)
    ]
    return Lens(dict(enumerate(drawn)), digest="drawn")


def built(name: str, **options: Any) -> Any:
    kind = methods.load(OBJECTIVES, name).Objective
    if "row" in {field.name for field in dataclasses.fields(kind)}:
        options = {"row": 1, **options}
    return kind(**options)


def step_of(exact: tuple[Any, Any], batch: Batch = BATCH, whole: Batch | None = None) -> Step:
    model, adapter = exact
    step = Step(model, adapter.detached, batch, whole or batch, teacher=adapter.detached)
    step.lens = some_lens()
    return step


def flat(loss: torch.Tensor, adapter: Any) -> torch.Tensor:
    weights = list(adapter.parameters().values())
    grads = torch.autograd.grad(loss, weights, allow_unused=True)
    full = [torch.zeros_like(w) if g is None else g for g, w in zip(grads, weights, strict=True)]
    return torch.cat([g.reshape(-1) for g in full])


class Said:
    """A step whose log-probabilities are given: forget answers, alternates, retain."""

    def __init__(self, policy: list[list[float]], reference: list[list[float]]) -> None:
        self.views = [self._answers(p, r) for p, r in zip(policy, reference, strict=True)]

    @property
    def forget(self) -> Any:
        return self.views[0]

    @property
    def retain(self) -> Any:
        return self.views[-1]

    def answers(self, role: str, view: int) -> Any:
        return self.views[view]

    @staticmethod
    def _answers(policy: list[float], reference: list[float]) -> Any:
        lengths = torch.tensor([1.0, 3.0])

        def scores(sums: list[float]) -> Any:
            total = torch.tensor(sums, dtype=torch.float64)
            means = total / lengths
            return SimpleNamespace(sums=total, means=means, tokens=total / 4)

        return SimpleNamespace(
            policy=scores(policy),
            reference=scores(reference),
            item_mean=lambda values: values.sum() / 2,
            token_mean=lambda values: values.sum() / 4,
        )
