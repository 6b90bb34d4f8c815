"""Config section `adaptive`: attackers through the data who adapt to the model before them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from residue.specs.fields import Named, SpecError
from residue.specs.options import built, normal

ATTACKERS = "attackers.methods"


@dataclass(frozen=True)
class AdaptiveSpec:
    """Who attacks, and whom. Off by default: one attacker asks as much as a whole deck or more."""

    attackers: tuple[Annotated[Any, Named(ATTACKERS, "Attacker")], ...] = ()
    """Files of ``attackers/methods/``, e.g. ``[fake_delimiters, {name: best_of_n, tries: 64}]``;
    each adds its queries for every retain country and model. Empty leaves all of this out."""
    arms: tuple[str, ...] = ()
    """Arms that are attacked, all pairs and seeds; empty takes the base and every arm that is
    trained against hidden orders. Name arms that only rewrite prompts."""

    def __post_init__(self) -> None:
        made = [normal("attackers", ATTACKERS, "Attacker", each) for each in self.attackers]
        names = [each["name"] for each in made]
        for name in names:
            if names.count(name) > 1:
                raise SpecError("attackers", f"names '{name}' twice; keep one of them.")
        object.__setattr__(self, "attackers", tuple(made))

    def built(self) -> dict[str, Any]:
        """The `Attacker` of each named file, with its options."""
        made = [built("attackers", ATTACKERS, "Attacker", each) for each in self.attackers]
        return {each["name"]: who for each, who in zip(self.attackers, made, strict=True)}
