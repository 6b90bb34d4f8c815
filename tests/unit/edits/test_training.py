"""The loop: accumulation, schedule, stops, and resuming to the bit."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from residue.edits.answers import Example
from residue.edits.batches import Batch, Batches, micro_batches, pools
from residue.edits.looks import exact_share
from residue.edits.methods.lora import Edit
from residue.edits.objectives.npo import Objective
from residue.edits.step import Step
from residue.edits.training import train
from residue.edits.updates import TrainingError
from residue.specs.training import TrainSpec

SPEC = TrainSpec(steps=6, warmup=2, learning_rate=5e-3, batch={"forget": 5, "retain": 6})


class Preference:
    """An objective of another kind: the first view above the second, against the reference."""

    ROLES = ("pair",)

    def loss(self, step: Step) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        gain = [step.pair(v).policy.sums - step.pair(v).reference.sums for v in (0, 1)]
        loss = step.pair(0).item_mean(-torch.nn.functional.logsigmoid(gain[0] - gain[1]))
        return loss, {}


class Fixed:
    """An objective whose loss is a constant plus zero times the policy."""

    ROLES = ("forget",)

    def __init__(self, value: float) -> None:
        self.value = value

    def loss(self, step: Step) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return step.forget.item_mean(0 * step.forget.policy.sums + self.value), {}


class Run:
    """A fresh model and adapter, trained on the edit data."""

    def __init__(self, model: Any, tokenizer: Any, data: pd.DataFrame, spec: TrainSpec) -> None:
        self.model, self.spec = model, spec
        self.items = pools(tokenizer, data)
        self.edit = Edit(rank=2, dropout=0.1).attach(model, seed=1, place=1)
        sizes = {role: size for role, size in spec.batch.items() if role in self.items}
        self.batches = Batches(self.items, sizes, seed=4)
        self.objective: Any = Objective()

    def __call__(
        self,
        state_dir: Path | None = None,
        batches: Callable[[int], Batch] | None = None,
        **options: Any,
    ) -> pd.DataFrame:
        return train(
            self.model,
            batches or self.batches,
            self.objective,
            self.spec,
            state_dir,
            reference=self.edit.detached,
            seed=9,
            **options,
        )

    def flat(self) -> torch.Tensor:
        return torch.cat([w.detach().reshape(-1) for w in self.edit.parameters().values()])


@pytest.fixture
def make(base_folder: Path, edit_data: pd.DataFrame) -> Callable[..., Run]:
    from residue.models.loading import load_model

    def made(spec: TrainSpec = SPEC) -> Run:
        return Run(*load_model(base_folder), edit_data, spec)

    return made


def test_history_is_complete_and_its_schedule_is_the_formula(make: Callable[..., Run]) -> None:
    history = make()()
    assert list(history.columns) == ["step", "lr", "loss", "grad_norm", "forget", "retain", "push"]
    assert history["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert history["lr"].tolist() == [SPEC.rate(k) for k in range(6)]
    assert history.notna().all().all()
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    # B = 0 at the start: the policy is the reference.
    assert history["forget"].iloc[0] == pytest.approx(2 / Objective().beta * math.log(2), rel=1e-5)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_rates(schedule: Any) -> None:
    spec = TrainSpec(steps=14, warmup=4, learning_rate=1.0, schedule=schedule, final_share=0.2)
    rates = [spec.rate(k) for k in range(14)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[-1] == pytest.approx(1.0 if schedule == "constant" else 0.2)
    assert all(later <= sooner for sooner, later in zip(rates[3:], rates[4:], strict=False))
    if schedule != "constant":
        assert rates[8] == pytest.approx(0.6)  # half-way: the mean of 1 and 0.2


def test_accumulation_gives_the_gradient_of_the_whole_batch(make: Callable[..., Run]) -> None:
    def gradient(limit: int | None) -> tuple[torch.Tensor, int]:
        run = make()
        run.model.double()
        run.model.eval()  # dropout draws would differ between the parts
        batch = run.batches(0)
        parts = list(micro_batches(batch, limit))
        for micro in parts:
            loss, _ = run.objective.loss(Step(run.model, run.edit.detached, micro, batch))
            loss.backward()
        grads = [weight.grad.reshape(-1) for weight in run.edit.parameters().values()]
        return torch.cat(grads), len(parts)

    whole, one = gradient(None)
    assert one == 1
    for limit in (1, 3, 4, 10):  # 11 examples: unequal parts, and roles missing from some
        parts, count = gradient(limit)
        assert 1 < count <= math.ceil(11 / limit)
        torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-8)


def test_accumulation_reports_the_same_history(make: Callable[..., Run]) -> None:
    quiet = replace(SPEC, steps=3)
    rows = []
    for limit in (None, 4):
        run = make(quiet)
        for layer in run.edit.layers.values():  # type: ignore[attr-defined]
            layer.lora_dropout.eval()
        rows.append(run(micro_batch=limit))
    pd.testing.assert_frame_equal(rows[0], rows[1], rtol=1e-3)


class Killed(Exception):
    """Stands for a kill between two updates."""


@pytest.mark.parametrize("stopped_at", [3, 4, 5])
def test_a_killed_run_resumes_to_the_bit(
    make: Callable[..., Run], tmp_path: Path, stopped_at: int
) -> None:
    spec = replace(SPEC, check_every=2)
    straight = make(spec)
    dev = {name: straight.items[name] for name in ("dev_forget", "dev_retain")}
    wanted = straight(dev=dev)

    killed = make(spec)

    asked: list[int] = []

    def until(step: int) -> Batch:
        asked.append(step)
        if len(asked) > spec.steps + stopped_at:  # all are asked for once, to name the run
            raise Killed
        return killed.batches(step)

    with pytest.raises(Killed):
        killed(tmp_path, until, save_every=2, dev=dev)
    assert len(list(tmp_path.iterdir())) == 1  # the newest state alone
    assert {f.suffix for f in tmp_path.rglob("*.*")} == {".json", ".safetensors"}

    resumed = make(spec)
    asked.clear()

    def listening(step: int) -> Batch:
        asked.append(step)
        return resumed.batches(step)

    history = resumed(tmp_path, listening, save_every=2, dev=dev)
    assert asked[spec.steps :] == list(range(stopped_at // 2 * 2, spec.steps))
    pd.testing.assert_frame_equal(history, wanted, check_exact=True)
    assert torch.equal(resumed.flat(), straight.flat())


def test_a_state_of_other_settings_is_not_used(
    make: Callable[..., Run], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make()(tmp_path, save_every=3)
    other = replace(SPEC, learning_rate=1e-3)
    with caplog.at_level(logging.WARNING):
        again = make(other)(tmp_path, save_every=3)
    assert "other settings" in caplog.text
    pd.testing.assert_frame_equal(again, make(other)(), check_exact=True)


@pytest.mark.parametrize(
    ("value", "message"),
    [(math.nan, "the loss of update 1 is nan"), (-2e4, "the loss of update 1 is -20000")],
)
def test_a_bad_loss_stops_with_update_and_items(
    make: Callable[..., Run], value: float, message: str
) -> None:
    run = make(replace(SPEC, batch={"forget": 2}))
    run.objective = Fixed(value)
    names = [views[0].item for views in run.batches(0)["forget"]]
    with pytest.raises(TrainingError, match=message) as stop:
        run()
    assert ", ".join(names) in str(stop.value)


def test_the_items_that_broke_the_model_are_named_alone(make: Callable[..., Run]) -> None:
    run = make()
    unused = 29  # "z" stands in no item
    broken = (Example("broken", (1, unused, 5, 2), 2),)
    with torch.no_grad():
        run.model.model.embed_tokens.weight[unused] = math.nan
    batch = {"forget": [*run.items["forget"], broken], "retain": run.items["retain"]}
    with pytest.raises(TrainingError, match="update 1 is nan .* on the items broken;"):
        run(batches=lambda step: batch)


def test_the_stop_rule_looks_at_dev_forget_and_reports_dev_retain(
    make: Callable[..., Run],
) -> None:
    run = make(replace(SPEC, check_every=2, stop_at=0.0))
    dev = {name: run.items[name] for name in ("dev_forget", "dev_retain")}
    assert exact_share(run.model, dev["dev_forget"]) == 0.0  # a random model knows nothing
    history = run(dev=dev)
    assert history["step"].tolist() == [1, 2]
    assert history["dev_forget"].isna().tolist() == [True, False]
    assert history["dev_retain"].iloc[1] == 0.0
    with pytest.raises(TrainingError, match="no dev_forget items"):
        make(run.spec)()


def test_paired_views_train_through_the_same_loop(make: Callable[..., Run]) -> None:
    run = make(replace(SPEC, steps=8, batch={"pair": 4}))
    run.objective = Preference()
    left, right = run.items["forget"], run.items["retain"]
    pairs = [(a[0], b[0]) for a, b in zip(left, right, strict=False)]
    history = run(batches=Batches({"pair": pairs}, {"pair": 4}, seed=2), micro_batch=4)
    assert history["loss"].iloc[0] == pytest.approx(math.log(2), rel=0.05)
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]


def test_nothing_to_train_is_an_error(make: Callable[..., Run]) -> None:
    run = make()
    run.edit.trainable(False)
    with pytest.raises(TrainingError, match="attach an edit first"):
        run()


def test_the_global_random_state_is_left_alone(make: Callable[..., Run]) -> None:
    run = make()
    state = torch.random.get_rng_state()
    run()
    assert torch.equal(torch.random.get_rng_state(), state)
