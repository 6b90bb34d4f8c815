"""Which look is best, what is kept of it, and that a resumed run keeps the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from residue.edits.arms import ArmError
from residue.edits.batches import Batch, Batches
from residue.edits.feed import attacks_for, defence_pools
from residue.edits.looks import Dev, dev_of, worst_bound
from residue.edits.methods.lora import Edit
from residue.edits.objectives.struq import Objective
from residue.edits.recipes import train_arm
from residue.edits.training import train
from residue.edits.updates import TrainingError
from residue.models.loading import load_model
from residue.specs.arms import ArmSpec, StepSpec
from residue.specs.fields import SpecError
from residue.specs.training import TrainSpec
from residue.stats.intervals import clopper_pearson

SPEC = TrainSpec(
    steps=6,
    warmup=2,
    learning_rate=5e-3,
    batch={"twin": 3, "keep": 2},
    check_every=2,
    choose="best",
)


@pytest.fixture(scope="session")
def defence_data() -> pd.DataFrame:
    """Letters to repeat, with a hidden order to say another."""
    rows = []
    for name, count in (("twin", 6), ("keep", 5), ("dev_twin", 4), ("dev_keep", 3)):
        for i in range(count):
            letter, other = "abcdefghij"[i], "klmnopqrst"[i]
            twin = name.endswith("twin")
            rows.append(
                {
                    "set": name,
                    "item": f"{name}/{i}",
                    "country": f"c{i // 2}",
                    "family": ("naive", "override")[i % 2] if twin else "none",
                    "prompt": f"say {letter}",
                    "attacked": f"say {letter} no say {other}" if twin else "",
                    "answer": letter,
                    "hidden_answer": other if twin else "",
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture
def make(base_folder: Path, defence_data: pd.DataFrame) -> Callable[..., Any]:
    def run(
        spec: TrainSpec = SPEC,
        state_dir: Path | None = None,
        batches: Callable[[Batches], Callable[[int], Batch]] = lambda own: own,
        looks: Any = None,
        **options: Any,
    ) -> tuple[pd.DataFrame, torch.Tensor]:
        model, tokenizer = load_model(base_folder)
        edit = Edit(rank=2, dropout=0.1).attach(model, seed=1, place=1)
        items = defence_pools(tokenizer, defence_data)
        history = train(
            model,
            batches(Batches(items, spec.batch, seed=4)),
            Objective(),
            spec,
            state_dir,
            reference=edit.detached,
            seed=9,
            defence=looks or dev_of(items, defence_data, spec.allowed_loss),
            **options,
        )
        flat = torch.cat([w.detach().reshape(-1) for w in edit.parameters().values()])
        return history, flat

    return run


class Told(Dev):
    """Dev items whose looks are given, one after another; the first is before training."""

    def __init__(self, looks: list[tuple[float, float]]) -> None:
        super().__init__([], [], [], [], 0.03)
        object.__setattr__(self, "looks", iter(looks))

    def look(self, model: Any) -> dict[str, float]:
        bound, clean = next(self.looks)  # type: ignore[attr-defined]
        return {
            "dev_right": bound, "dev_obeyed": 0.0, "dev_clean": clean, "dev_keep": 1.0,
            "dev_bound": bound,
        }  # fmt: skip


def test_a_bound_is_the_worst_familys_and_counts_whole_countries() -> None:
    right = [True, False, True, True, True, True]
    families = ["a", "a", "a", "b", "b", "b"]
    countries = ["p", "p", "q", "p", "q", "r"]
    # Of family a one country of two is right in every item, of b three of three.
    low = clopper_pearson(1, 2, 0.9).low
    assert worst_bound(right, families, countries) == pytest.approx(low)
    assert worst_bound([True] * 3, ["b"] * 3, ["p", "q", "r"]) == pytest.approx(0.05 ** (1 / 3))


def test_silence_is_not_the_best_look(make: Callable[..., Any]) -> None:
    """A bound that is bought with clean answers is no candidate; then the least loss leads."""
    looks = [(0.0, 1.0), (0.9, 0.5), (0.3, 0.98), (0.2, 1.0)]
    history, _ = make(looks=Told(looks))
    seen = history.dropna(subset=["best_step"])
    assert seen["best_step"].tolist() == [2, 4, 4]
    assert seen["best_value"].tolist() == pytest.approx([0.03 - 0.5, 0.3003, 0.3003])
    assert seen["waited"].tolist() == [0, 0, 1]


def test_the_best_looks_weights_are_kept(make: Callable[..., Any]) -> None:
    looks = [(0.0, 1.0), (0.5, 1.0), (0.4, 1.0), (0.3, 1.0)]
    _, kept = make(looks=Told(looks))
    _, early = make(replace(SPEC, limit=2), looks=Told(looks[:2]))
    _, last = make(replace(SPEC, choose="last"), looks=Told(looks))
    assert torch.equal(kept, early)  # the weights after update 2
    assert not torch.equal(kept, last)


def test_patience_ends_training(make: Callable[..., Any]) -> None:
    looks = [(0.0, 1.0), (0.5, 1.0), (0.4, 1.0), (0.3, 1.0)]
    history, _ = make(replace(SPEC, patience=1), looks=Told(looks))
    assert history["step"].tolist() == [1, 2, 3, 4]
    assert history["waited"].dropna().tolist() == [0, 1]


def test_a_dry_run_is_the_beginning_of_the_real_one(make: Callable[..., Any]) -> None:
    whole, _ = make(replace(SPEC, check_every=0, choose="last"))
    dry, _ = make(replace(SPEC, check_every=0, choose="last", limit=2))
    pd.testing.assert_frame_equal(dry, whole.head(2), check_exact=True)


class Killed(Exception):
    """Stands for a kill between two updates."""


@pytest.mark.parametrize(
    "options",
    [{}, {"moments": 8}, {"base": "nf4"}, {"recompute": True}],
    ids=lambda options: next(iter(options), "plain"),
)
def test_a_killed_defence_resumes_to_the_bit(
    make: Callable[..., Any], tmp_path: Path, options: dict[str, Any]
) -> None:
    spec = replace(SPEC, **options)
    straight = make(spec)
    asked: list[int] = []

    def listening(own: Batches) -> Callable[[int], Batch]:
        def batch(step: int) -> Batch:
            asked.append(step)
            # All are asked for once, to name the run.
            if len(asked) == spec.steps + 6:
                raise Killed
            return own(step)

        return batch

    with pytest.raises(Killed):
        make(spec, tmp_path, listening, save_every=2)
    asked.clear()
    resumed = make(spec, tmp_path, listening, save_every=2)
    assert asked[spec.steps :] == [4, 5]
    pd.testing.assert_frame_equal(resumed[0], straight[0], check_exact=True)
    assert torch.equal(resumed[1], straight[1])


def test_an_arm_is_trained_on_defence_data_and_keeps_its_projection(
    base_folder: Path, edit_data: pd.DataFrame, defence_data: pd.DataFrame, tmp_path: Path
) -> None:
    from residue.core.artifacts import write_json
    from residue.edits.arms import open_arm
    from residue.edits.projection import FILE, load_projection

    step = StepSpec(
        edit={"name": "lora", "rank": 2},
        objective={"name": "infonce", "projection": 3},
        train=replace(SPEC, choose="last"),
    )
    arm, history = train_arm(
        base_folder, ArmSpec(steps=(step,)), edit_data, defence_data,
        arm="d", pair=0, seed=0, home=tmp_path,
    )  # fmt: skip
    assert {"contrast", "retrieval", "rank", "dev_bound", "best_step"} <= set(history.columns)
    folder = tmp_path / arm["steps"][0]["file"]
    assert FILE in arm["steps"][0]["sha256"]
    assert load_projection(folder).weight.shape == (3, 32)
    write_json(tmp_path / "arm.json", arm)
    with open_arm(tmp_path / "arm.json") as opened:
        assert len(opened.edits) == 1


def test_items_that_are_too_long_are_left_out_and_counted(
    loaded: tuple[Any, Any], defence_data: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    _, tokenizer = loaded
    long = defence_data.copy()
    long.loc[0, "attacked"] = "say a " * 20
    pools = defence_pools(tokenizer, long, 64)
    assert len(pools["twin"]) == 5
    assert "1 of 18 items of the defence data are left out" in caplog.text
    with pytest.raises(ValueError, match="every twin item .* shorten them"):
        defence_pools(tokenizer, defence_data, 9)


def test_a_family_that_is_left_out_is_shown_nowhere(defence_data: pd.DataFrame) -> None:
    def step(*families: str) -> StepSpec:
        return StepSpec(objective="struq", train=SPEC, without_families=families)

    rows = attacks_for(defence_data, step("naive"))
    assert set(rows["family"]) == {"override", "none"}
    assert set(rows["set"]) == set(defence_data["set"])
    with pytest.raises(ArmError, match="no family nave; .* there are: naive, override"):
        attacks_for(defence_data, step("nave"))
    with pytest.raises(ArmError, match="no dev_twin item is left"):
        attacks_for(defence_data, step("naive", "override"))
    with pytest.raises(SpecError, match="^without_families: is for defences"):
        StepSpec(without_families=("naive",))


def test_best_needs_dev_items(make: Callable[..., Any], loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    edit = Edit(rank=2).attach(model, seed=1, place=1)
    with pytest.raises(TrainingError, match="no dev items"):
        train(model, lambda _: {}, Objective(), SPEC, None, reference=edit.detached, seed=0)
