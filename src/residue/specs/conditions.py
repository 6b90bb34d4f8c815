"""Config sections `conditions` and `stress`: what is done to arms after their edit, and on which
items that is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from residue.specs.fields import Named, SpecError
from residue.specs.measures import METRICS
from residue.specs.options import built, normal

ATTACKS = "edits.attacks"
PLAIN = "plain"
"""The condition of an arm to which nothing was done."""
STRESS = "stress"
"""The deck on which all other conditions are recorded."""


@dataclass(frozen=True)
class ConditionSpec:
    """One attack on some arms. It makes one condition of its own name, or several in one run, such
    as one per listed number of relearning updates (``relearn_other_20``)."""

    attack: Annotated[Any, Named(ATTACKS, "Attack")] = "relearn"
    """What is done: a file of ``edits/attacks/``, e.g. ``{name: relearn, steps: [5, 20]}``."""
    arms: tuple[str, ...] = ()
    """Arms it is done to; empty takes every arm, base and oracle. Without the two, recovery cannot
    be told from new learning and is not estimated."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "attack", normal("attack", ATTACKS, "Attack", self.attack))

    def built(self) -> Any:
        """The `Attack` of the named file, with its options."""
        return built("attack", ATTACKS, "Attack", self.attack)

    def names(self, name: str) -> tuple[str, ...]:
        """The conditions that the attack `name` makes."""
        return tuple(self.built().conditions(name))


@dataclass(frozen=True)
class StressSpec:
    """The items asked under every condition, and what is estimated of them."""

    retain_countries: int = 8
    """Countries of each retain split that are asked as well, to see what an attack destroys; all
    forget countries always are. Each adds about ten items to every record of a condition."""
    metrics: tuple[Annotated[str, Named(METRICS)], ...] = (
        "exact_answer",
        "answer_probability",
        "extraction_strength",
        "exact_memorisation",
        "membership_min_k",
    )
    """Metric files computed on the deck; the first is the one whose recovery is estimated, the
    others are there to be tested themselves."""
    least_gap: float = 0.5
    """Recovery is estimated only where base and oracle differ by at least this after the same
    attack; below, there is nothing to recover, or the attack has taught the oracle."""
    resamples: int = 2000
    """Bootstrap draws of countries and seeds behind each interval of recovery."""

    def __post_init__(self) -> None:
        if self.retain_countries < 0:
            raise SpecError("retain_countries", "must not be negative.")
        if not self.metrics:
            raise SpecError("metrics", "names no metric; write [exact_answer].")
        if not 0 < self.least_gap <= 1:
            raise SpecError("least_gap", "must lie above 0 and at most at 1.")
        if self.resamples < 100:
            raise SpecError("resamples", "needs at least 100; say 2000.")


def default_conditions() -> dict[str, ConditionSpec]:
    """Relearning on other countries than those asked, and four-bit weights."""
    return {
        "relearn_other": ConditionSpec(attack={"name": "relearn", "data": "other"}),
        "nf4": ConditionSpec(attack={"name": "quantise", "kind": "nf4"}),
    }
