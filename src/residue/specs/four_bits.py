"""What a run leaves out because its model is held in four bits (`model.load.weights: nf4`).

What changes or writes whole weights cannot be done to such a model. Of the default's it is left out
and said; what a config names itself is refused. Torch-free.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from residue.specs.conditions import default_conditions
from residue.specs.config import Config
from residue.specs.default_arms import default_arms
from residue.specs.fields import SpecError

_MEND = "needs whole weights; leave it out, or set model.load.weights: full."


def fitted(config: Config) -> tuple[Config, tuple[str, ...]]:
    """The config without the default's attacks and arms that need whole weights, and what was left
    out in words; `SpecError` for such attacks and arms that are not the default's."""
    if config.model.load.weights == "full":
        return config, ()
    attacks, edited = default_conditions(), default_arms()
    conditions, arms, notes = dict(config.conditions), dict(config.arms), []
    for name, spec in config.conditions.items():
        if not _whole(spec.built()):
            continue
        if name not in attacks or spec.attack != attacks[name].attack:
            raise SpecError(f"conditions.{name}", f"the attack '{spec.attack['name']}' {_MEND}")
        conditions.pop(name)
        notes.append(
            f"the condition '{name}' is left out: the model is held in four bits already, and "
            "every number of this run is of rounded weights (model.load.weights: nf4)"
        )
    for name, arm in config.arms.items():
        if any(_whole(step.built_edit()) for step in arm.given_steps()):
            raise SpecError(f"arms.{name}.model", f"a whole edited model {_MEND}")
        found = [step.edit["name"] for step in arm.steps if _whole(step.built_edit())]
        if not found:
            continue
        if name not in edited or arm.steps != edited[name].steps:
            raise SpecError(f"arms.{name}", f"the edit '{found[0]}' {_MEND}")
        arms.pop(name)
        notes.append(
            f"the arm '{name}' is left out: '{found[0]}' writes whole weights, and the model is "
            "held in four bits (model.load.weights: nf4)"
        )
    if config.arms and not arms:
        raise SpecError("arms", f"none is left: '{found[0]}' {_MEND}")
    gone = set(config.conditions) - set(conditions)
    estimands = {
        name: replace(spec, conditions=tuple(c for c in spec.conditions if c not in gone))
        if set(spec.conditions) - gone
        else spec
        for name, spec in config.estimands.items()
    }
    return replace(config, conditions=conditions, arms=arms, estimands=estimands), tuple(notes)


def _whole(made: Any) -> bool:
    return bool(getattr(made, "WHOLE", False))
