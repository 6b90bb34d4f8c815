"""Which attack an attacked item gets: families, templates, goals and positions, spread evenly.

Attacks are dealt in the order of items. Families take turns, so each meets about equally many
countries and no country twice before all others had their turn; within a family the templates take
turns in random order, a seen lead after a held-out one, so that items of a family differ in
template as well as in country.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from residue.core.seeds import derive
from residue.world.injection.families import Template
from residue.world.injection.wording import FAMILIES

_START_EVERY = 5
"""One attack of so many stands before a lone sentence."""


@dataclass(frozen=True)
class Plan:
    """One attack to come."""

    template: Template
    honest: bool
    """Whether the hidden order asks for a true task rather than a random witness; a family with
    goals of its own has neither."""
    position: str


class Dealer:
    """Deals attacks; equal seeds and equal calls give equal attacks."""

    def __init__(self, seed: int, part: str) -> None:
        rng = np.random.default_rng(derive("world.injection.design", seed, part))
        self._families = [list(FAMILIES)[i] for i in rng.permutation(len(FAMILIES))]
        self._turn = 0
        self._dealt: Counter[str] = Counter()
        self._decks: dict[tuple[str, bool], list[Template]] = {}
        for name, family in FAMILIES.items():
            for held_out in (False, True):
                some = [each for each in family.templates() if each.held_out == held_out]
                self._decks[name, held_out] = [some[i] for i in rng.permutation(len(some))]

    def deal(self, sentences: int) -> Plan:
        """The next attack, on data of one or two sentences."""
        family = self._families[self._turn % len(self._families)]
        self._turn += 1
        number = self._dealt[family]
        self._dealt[family] += 1
        deck = self._decks[family, number % 2 == 1]
        template = deck[number // 2 % len(deck)]
        honest = number // 2 % 2 == 1
        if sentences > 1:
            return Plan(template, honest, "end" if number % 3 == 0 else "middle")
        start = number % _START_EVERY == _START_EVERY - 1
        return Plan(template, honest, "start" if start else "end")
