"""The arms of the default story, and which of them users' data leave out."""

from __future__ import annotations

from collections.abc import Mapping

from residue.specs.arms import ArmSpec, StepSpec
from residue.specs.fields import SpecError
from residue.specs.training import TrainSpec


def default_arms() -> dict[str, ArmSpec]:
    """The default story: two edits in earnest, a defence, and two planted liars that the page must
    catch.

    Both edits hold what is to be kept by its divergence from the base, made-up countries among it;
    their settings were chosen on dev countries (docs/tuning.md).
    """
    npo = StepSpec(
        edit={"name": "lora", "rank": 64, "alpha": 128.0},
        objective={"name": "npo", "beta": 3.0, "retain_weight": 2.0, "retain": "kl"},
        train=TrainSpec(steps=100, batch={"forget": 32, "retain": 64}),
    )
    reft = StepSpec(
        edit={"name": "loreft", "rank": 32},
        objective={"name": "npo", "beta": 3.0, "retain_weight": 1.5, "retain": "kl"},
        train=TrainSpec(learning_rate=5e-3),
    )
    defence = StepSpec(
        objective="invariant",
        train=TrainSpec(batch={"twin": 20, "keep": 20}, check_every=10, choose="best"),
    )
    return {
        "npo": ArmSpec(steps=(npo,)),
        "defended": ArmSpec(steps=(defence,)),
        "reft_gate": ArmSpec(steps=(reft, StepSpec(edit="gate_v2", objective=None))),
        "suppressor": _computed("suppress_answers"),
        "destroyed": _computed("destroy"),
    }


def own_arms(arms: Mapping[str, ArmSpec]) -> dict[str, ArmSpec]:
    """The arms of a run on users' data, which hold nothing that a defence could be shown: the
    default's is left out, and one that users name is an error."""
    default = default_arms()
    kept = {}
    for name, arm in arms.items():
        if not any(step.is_defence() for step in arm.steps):
            kept[name] = arm
        elif arm != default.get(name):
            raise SpecError(
                f"arms.{name}.steps",
                "has a step that is made from hidden orders of the embedded world, which users' "
                "data lack; name another objective or edit.",
            )
    return kept


def _computed(edit: str) -> ArmSpec:
    return ArmSpec(steps=(StepSpec(edit=edit, objective=None),), seeds=(0,))
