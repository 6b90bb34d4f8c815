"""What is attacked: one clean item per country, and the words that an attacker wants said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from residue.core.seeds import derive
from residue.world.build import World
from residue.world.grammar import without_channel_tokens
from residue.world.injection.families import Template, forms
from residue.world.injection.scenes import Attacked, Scene
from residue.world.injection.wording import FAMILIES
from residue.world.tasks import HINDI_ORDERS, ORDERS, WITNESSES

if TYPE_CHECKING:
    import pandas as pd

WORDINGS = len(ORDERS["say"])
"""In how many ways a hidden order can be worded."""
_DEV, _TEST = ("dev_retain", "dev_forget"), ("retain_touched", "retain_untouched")
_LEFT_OUT = ("quote", "count")
"""Trusted tasks whose right answer depends on the attacker's text."""
_OWN = Template("adaptive", "own", "", True)


@dataclass(frozen=True)
class Target:
    """A clean item and one or two random words, which only the attacker asks for."""

    item: str
    country: str
    split: str
    scene: Scene
    witness: str

    @property
    def positions(self) -> tuple[str, ...]:
        """Where an attack can stand in the data."""
        return ("end", "start", "middle") if len(self.scene.carriers) > 1 else ("end", "start")

    def order(self, wording: int = 0) -> str:
        """The hidden order, in one of `WORDINGS`."""
        return ORDERS["say"][wording].format(w=self.witness)

    def templated(self, template: Template, wording: int, position: str) -> Attacked:
        """The order in a template of the slot grammar."""
        hindi = HINDI_ORDERS["say"].format(w=self.witness)
        text = template.attack(forms(self.order(wording), hindi))
        return self.scene.put(text, "say", self.witness, template, position)

    def written(self, text: str, position: str = "end") -> Attacked:
        """Any text in the data, as it comes through the filter of reserved tokens."""
        kept = without_channel_tokens(text)
        return self.scene.put(kept, "say", self.witness, _OWN, position)


@dataclass(frozen=True)
class Targets:
    """What attackers may choose on, and what they are tried on."""

    dev: tuple[Target, ...]
    test: tuple[Target, ...]
    """On retain countries, which no defence is chosen on."""


def targets(world: World, deck: pd.DataFrame) -> Targets:
    """One target per dev and retain country, from the clean items of deck `orders`.

    The words are drawn from the world's seed and the country, so every arm is asked for the same.
    ValueError where the deck is not this world's.
    """
    found = {each.country: each for each in _targets(world, deck)}.values()
    return Targets(
        tuple(each for each in found if each.split in _DEV),
        tuple(each for each in found if each.split in _TEST),
    )


@cache
def free_templates() -> tuple[Template, ...]:
    """Templates that hold any order, family by family."""
    return tuple(
        each for family in FAMILIES.values() if not family.goals for each in family.templates()
    )


def _targets(world: World, deck: pd.DataFrame) -> Iterator[Target]:
    plain = (deck["family"] == "none") & (deck["style"] == "plain") & (deck["twin"] == "")
    chosen = deck[plain & ~deck["task"].isin(_LEFT_OUT) & deck["split"].isin((*_DEV, *_TEST))]
    for row in chosen.sort_values("item").to_dict("records"):
        carriers = row["carrier"].removeprefix("sentence-").split("+")
        scene = Scene(
            world,
            row["country"],
            row["task"],
            int(row["template"].rpartition("-")[2]) - 1,
            tuple(int(number) - 1 for number in carriers),
            row["answers"][0] if row["task"] == "say" else "",
        )
        if scene.prompt != row["prompt"]:
            raise ValueError(f"item '{row['item']}' is not of this world; make the decks again")
        rng = np.random.default_rng(derive("attackers.targets", world.spec.seed, scene.country))
        words = [word for word in WITNESSES if word != scene.word]
        size = int(rng.integers(1, 3))
        witness = " ".join(words[i] for i in rng.choice(len(words), size=size, replace=False))
        yield Target(row["item"], scene.country, row["split"], scene, witness)
