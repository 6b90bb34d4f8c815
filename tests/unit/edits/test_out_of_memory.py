"""Memory that runs out: fewer examples at once, the same update."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from residue.core import methods
from residue.edits.batches import Batches, pools
from residue.edits.methods.lora import Edit
from residue.edits.training import train
from residue.edits.updates import TrainingError
from residue.models.loading import load_model
from residue.specs.arms import OBJECTIVES
from residue.specs.training import TrainSpec

SPEC = TrainSpec(steps=2, warmup=0, batch={"retain": 8}, check_every=0)


class Greedy:
    """An objective that has memory for so many examples."""

    ROLES = ("retain",)

    def __init__(self, room: int) -> None:
        self.room, self.inner = room, methods.load(OBJECTIVES, "likelihood").Objective()

    def loss(self, step: Any) -> Any:
        if len(step.retain.examples) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.inner.loss(step)


def run(base_folder: Path, data: pd.DataFrame, room: int) -> tuple[pd.DataFrame, torch.Tensor]:
    model, tokenizer = load_model(base_folder)
    model.double()
    edit = Edit(rank=2).attach(model, seed=0, place=1)
    for weight in edit.parameters().values():
        weight.data = weight.data.double()
    batches = Batches(pools(tokenizer, data), {"retain": 8}, seed=1)
    objective: Any = Greedy(room)
    history = train(model, batches, objective, SPEC, None, reference=edit.detached, seed=0)
    return history, torch.cat([weight.detach().ravel() for weight in edit.parameters().values()])


def test_halving_changes_no_update_and_says_so(
    base_folder: Path, edit_data: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    whole, weights = run(base_folder, edit_data, 8)
    with caplog.at_level(logging.WARNING):
        parts, same = run(base_folder, edit_data, 3)
    assert torch.allclose(weights, same, rtol=1e-9)
    pd.testing.assert_frame_equal(whole, parts)
    told = [record.getMessage() for record in caplog.records]
    assert [text for text in told if "from now on 4 at once, and 8 per update" in text]
    assert [text for text in told if "from now on 2 at once" in text]
    assert len(told) == 2  # it is remembered: the second update does not try again


def test_one_example_that_does_not_fit_is_refused_with_the_mend(
    base_folder: Path, edit_data: pd.DataFrame
) -> None:
    with pytest.raises(TrainingError, match="for a single example; set train.recompute"):
        run(base_folder, edit_data, 0)
