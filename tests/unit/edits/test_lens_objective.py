"""NPO through the tuned lens: what is read is what lens tables say, and its limits are NPO's."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from residue.edits.arms import ArmError
from residue.edits.feed import Shown
from residue.edits.lensed import Given, LensError, read_lens
from residue.edits.objectives.npo import Objective as Npo
from residue.edits.objectives.tuned_lens_npo import Objective
from residue.edits.planning import plan_run
from residue.edits.recipes import train_arm
from residue.edits.step import Step
from residue.lens.artefacts import Fitted, save_fitted
from residue.lens.decoders import tuned
from residue.models.blocks import row_hooks
from residue.models.head import read_head
from residue.specs.arms import ArmSpec, StepSpec
from residue.specs.fields import SpecError
from residue.specs.model import LoadSpec
from residue.specs.training import TrainSpec
from tests.unit.edits.objective_steps import BATCH, FORGET, some_lens, step_of


@pytest.fixture
def lens_file(tmp_path: Path) -> Path:
    """The lens of `some_lens` as `fit_lens` writes one."""
    tensors = {}
    for row, (matrix, bias) in some_lens().translators.items():
        tensors[f"row_{row}.matrix"] = matrix.numpy()
        tensors[f"row_{row}.bias"] = bias.numpy()
    save_fitted(tmp_path / "tuned.safetensors", Fitted(tensors))
    return tmp_path / "tuned.safetensors"


def watching(exact: tuple[Any, Any], rows: tuple[int, ...]) -> Step:
    step = step_of(exact)
    step.watch(rows)
    return step


def test_a_row_is_read_as_lens_tables_read_it(
    base_folder: Path, exact: tuple[Any, Any], lens_file: Path
) -> None:
    """The reader of lens tables, in NumPy, on rows that a hook kept."""
    model, _ = exact
    step = watching(exact, (0, 1, 2))
    read = step.through(step.forget.policy, (0, 1, 2))
    stored = {
        f"row_{row}.{part}": value.numpy()
        for row, pair in read_lens(lens_file, model).translators.items()
        for part, value in zip(("matrix", "bias"), pair, strict=True)
    }
    example = FORGET[0][0]
    with torch.no_grad(), row_hooks(model) as held:
        model(input_ids=torch.tensor([example.ids]))
    for row, scores in enumerate(read):
        states = held[row][0, example.start - 1 : -1].numpy().astype(np.float32)
        logits = tuned.decode(states, row, read_head(base_folder), stored)
        law = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        wanted = law[np.arange(len(law)), example.ids[example.start :]].sum()
        assert float(scores.sums[0].detach()) == pytest.approx(float(wanted), abs=1e-4)
    torch.testing.assert_close(read[2].sums, step.forget.policy.sums)


def test_at_the_last_row_alone_it_is_npo(exact: tuple[Any, Any]) -> None:
    got, parts = Objective(rows=(2,), beta=0.7, retain="kl").loss(step_of(exact))
    want, other = Npo(beta=0.7, retain="kl").loss(step_of(exact))
    assert float(got.detach()) == pytest.approx(float(want.detach()), rel=1e-6)
    assert float(parts["push"]) == pytest.approx(float(other["push"]), rel=1e-6)


def test_the_forget_term_is_the_mean_over_rows_by_hand(exact: tuple[Any, Any]) -> None:
    _, parts = Objective(rows=(0, 1), beta=0.5).loss(step_of(exact))
    step = watching(exact, (0, 1))
    now, before = (
        step.through(said, (0, 1)) for said in (step.forget.policy, step.forget.reference)
    )
    gaps = [float(x) for a, b in zip(now, before, strict=True) for x in (a.sums - b.sums).detach()]
    assert gaps[:3] == pytest.approx([0.0] * 3)  # nothing is edited below row 0
    by_hand = [2 / 0.5 * math.log1p(math.exp(0.5 * gap)) for gap in gaps]
    assert len(by_hand) == 2 * len(FORGET)
    assert float(parts["forget"].detach()) == pytest.approx(sum(by_hand) / len(by_hand), rel=1e-9)


def test_rows_are_the_upper_half_where_none_is_named() -> None:
    assert Objective().rows_of(6) == (3, 4, 5, 6)
    assert Objective().rows_of(2) == (1, 2)
    assert Objective(rows=(4,)).rows_of(6) == (4,)


def test_what_acts_on_the_output_alone_is_not_read_at_inner_rows(exact: tuple[Any, Any]) -> None:
    """A hook at the final norm or the head is an edit of row n or of the logits."""
    model, _ = exact

    def inner() -> torch.Tensor:
        step = watching(exact, (1, 2))
        read: torch.Tensor = step.through(step.forget.policy, (1, 2))[0].sums
        return read.detach()

    before = inner()
    handles = [
        model.model.norm.register_forward_hook(lambda _m, _i, out: 2 * out),
        model.lm_head.register_forward_hook(lambda _m, _i, out: out.flip(-1)),
    ]
    torch.testing.assert_close(inner(), before)
    for handle in handles:
        handle.remove()


def test_the_lens_stays_as_it_was_fitted(exact: tuple[Any, Any], lens_file: Path) -> None:
    model, adapter = exact
    given = Given(Objective(), read_lens(lens_file, model))
    assert given.ROLES == ("forget", "retain")
    loss, _ = given.loss(Step(model, adapter.detached, BATCH, BATCH))
    loss.backward()
    tensors = [each for pair in given.lens.translators.values() for each in pair]
    assert all(each.grad is None and not each.requires_grad for each in tensors)
    assert model.lm_head.weight.grad is None
    # A state of training names its lens by the file's digest, not by its numbers.
    assert given.lens.digest in repr(given)
    assert "tensor" not in repr(given)
    with pytest.raises(RuntimeError, match="no lens"):
        Objective().loss(Step(model, adapter.detached, BATCH, BATCH))


def test_a_lens_of_another_model_is_refused(loaded: tuple[Any, Any], tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_fitted(other, Fitted({"row_0.matrix": np.zeros((4, 4)), "row_0.bias": np.zeros(4)}))
    with pytest.raises(
        LensError, match=r"other\.safetensors holds no translator of row 0.*width 32"
    ):
        read_lens(other, loaded[0])


@pytest.mark.parametrize("rows", [(3, 2), (1, 1), (-1, 2)])
def test_rows_rise(rows: tuple[int, ...]) -> None:
    with pytest.raises(SpecError, match="^rows: must rise"):
        Objective(rows=rows)


def test_an_arm_is_trained_through_the_lens(
    base_folder: Path, edit_data: pd.DataFrame, lens_file: Path, tmp_path: Path
) -> None:
    train = TrainSpec(
        steps=12, warmup=1, learning_rate=1e-2, batch={"forget": 7, "retain": 5}, check_every=0
    )
    recipe = ArmSpec(steps=(StepSpec(objective={"name": "tuned_lens_npo"}, train=train),))
    told = {"arm": "read", "pair": 0, "seed": 0}
    arm, history = train_arm(
        base_folder, recipe, edit_data, home=tmp_path / "arm", lens=lens_file, **told
    )
    assert arm["steps"][0]["edit"] == "lora"
    assert history["push"].iloc[0] == pytest.approx(1.0, rel=1e-5)
    assert history["push"].iloc[-1] < 0.5
    assert history["gained"].iloc[-1] < -0.5
    with pytest.raises(ArmError, match="reads rows through the lens tuned"):
        train_arm(base_folder, recipe, edit_data, home=tmp_path / "none", **told)


def test_a_plan_counts_the_logits_of_every_row_that_is_read(
    base_folder: Path, edit_data: pd.DataFrame, loaded: tuple[Any, Any]
) -> None:
    train = TrainSpec(batch={"forget": 4, "retain": 4})
    arms = {
        name: ArmSpec(steps=(StepSpec(objective=name, train=train),))
        for name in ("npo", "tuned_lens_npo")
    }
    shown = Shown(loaded[1], edit_data, None)
    table = plan_run(base_folder, LoadSpec(), arms, shown, device="cpu", limit=1e9)
    logits = table.set_index("arm")["logits"]
    assert logits["tuned_lens_npo"] == pytest.approx(3 * logits["npo"])  # rows 1 and 2, and its own
