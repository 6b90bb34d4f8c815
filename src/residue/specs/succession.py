"""Arms that stand on others: what comes before an arm, and every step down to the base."""

from __future__ import annotations

from collections.abc import Mapping

from residue.specs.arms import ArmSpec, StepSpec
from residue.specs.fields import SpecError


def steps_of(arms: Mapping[str, ArmSpec], arm: str) -> tuple[StepSpec, ...]:
    """Every step between the base and an arm, those of arms before it included; an unedited model
    has none."""
    if arm not in arms:
        return ()
    own = arms[arm]
    return (steps_of(arms, own.after) if own.after else own.given_steps()) + own.steps


def before(arms: Mapping[str, ArmSpec], arm: str, seed: int) -> tuple[str, int] | None:
    """The arm, and its seed, on whose steps an arm's stand."""
    name = arms[arm].after
    if name is None:
        return None
    seeds = arms[name].seeds
    return name, seed if seed in seeds else seeds[0]


def check(arms: Mapping[str, ArmSpec]) -> None:
    """`SpecError` where an arm comes after none that there is, after itself, or lacks a seed."""
    for name, arm in arms.items():
        seen, at = {name}, arm.after
        while at is not None:
            if at not in arms or arms[at].records:
                raise SpecError(f"arms.{name}.after", f"'{at}' is no edited arm of this run.")
            if at in seen:
                raise SpecError(f"arms.{name}.after", f"'{at}' comes after itself; mend the order.")
            seen.add(at)
            at = arms[at].after
        seeds = arms[arm.after].seeds if arm.after else ()
        odd = sorted(set(arm.seeds) - set(seeds))
        if odd and len(seeds) > 1:
            raise SpecError(
                f"arms.{name}.seeds", f"'{arm.after}' has no seed {odd[0]}; name seeds that it has."
            )
