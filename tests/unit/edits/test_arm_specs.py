"""Recipes from config values: names, options, defaults, and faults with their key path."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from residue.specs import fields
from residue.specs.arms import ArmSpec, StepSpec
from residue.specs.fields import SpecError
from residue.specs.training import TrainSpec


def load(data: dict[str, Any]) -> ArmSpec:
    return fields.load(ArmSpec, data, "arms.npo")


def test_a_name_alone_is_the_method_with_its_defaults() -> None:
    assert StepSpec(objective="npo") == StepSpec(objective={"name": "npo"})


def test_writing_a_default_out_changes_nothing() -> None:
    default = StepSpec().built_objective().beta
    plain = fields.plain(StepSpec(objective={"name": "npo", "beta": default}))
    assert plain == fields.plain(StepSpec(objective="npo"))
    assert plain["objective"] == {"name": "npo"}


def test_options_reach_the_method_and_survive_a_round_trip() -> None:
    step = StepSpec(
        edit={"name": "lora", "targets": ["q_proj"]}, objective={"name": "npo", "beta": 2}
    )
    assert step.built_edit().targets == ("q_proj",)
    assert step.built_objective().beta == 2.0
    assert fields.load(StepSpec, fields.plain(step), "s") == step


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"edit": "lorra"}, r"arms.npo.steps\[0\].edit: .*did you mean 'lora'"),
        ({"edit": "training"}, r"arms.npo.steps\[0\].edit: 'training' is not a method"),
        ({"edit": 3}, r"arms.npo.steps\[0\].edit: expects a name"),
        ({"edit": {"name": "lora", "rnk": 3}}, r"steps\[0\].edit.rnk: .*did you mean 'rank'"),
        ({"edit": {"name": "lora", "rank": 0}}, r"steps\[0\].edit.rank: must be at least 1"),
        ({"objective": {"name": "npo", "beta": "x"}}, r"steps\[0\].objective.beta: expects"),
        ({"train": {"batch": {"retian": 3}}}, r"train.batch.retian: is no role; .* retain"),
        ({"train": {"batch": {"retain": 0}}}, r"train.batch.retain: must be at least 1"),
        ({"train": {"stop_at": 0.1, "check_every": 0}}, r"train.stop_at: needs dev checks"),
        ({"train": {"steps": 5, "warmup": 5}}, r"train.warmup: must be below steps \(5\)"),
        ({"train": {"schedule": "cosin"}}, r"train.schedule: .*did you mean 'cosine'"),
    ],
)
def test_faults_name_the_key_and_the_mend(step: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        load({"steps": [step]})


def test_an_objective_needs_its_roles_in_the_batch() -> None:
    with pytest.raises(SpecError, match=r"^train.batch.retain: is needed by .*'npo'"):
        StepSpec(train=TrainSpec(batch={"forget": 3}))


@pytest.mark.parametrize("data", [{"steps": []}, {"seeds": []}, {"seeds": [1, 1]}])
def test_arms_that_train_nothing_or_twice_are_refused(data: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=f"arms.npo.{next(iter(data))}"):
        load(data)


def test_recipes_are_checked_without_torch() -> None:
    import subprocess

    code = (
        "import sys; from residue.specs.arms import ArmSpec; ArmSpec(); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_edit_that_is_computed_takes_no_objective() -> None:
    step = StepSpec(edit="destroy", objective=None)
    assert fields.load(StepSpec, fields.plain(step), "s") == step
    with pytest.raises(SpecError, match=r"^objective: must be null: 'destroy' is computed"):
        StepSpec(edit="destroy")
    with pytest.raises(SpecError, match=r"^objective: is null, but 'lora' is trained"):
        StepSpec(objective=None)


def test_strength_zero_is_no_arm() -> None:
    with pytest.raises(SpecError, match=r"^strength: is 0"):
        StepSpec(strength=0.0)
