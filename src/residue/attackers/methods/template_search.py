"""Template search: choose on dev countries the templates strongest against this arm, then attack.

Two rounds of halving (Karnin, Koren and Somekh 2013, sequential halving): every template at the end
and at the start of a few dev items, then the best of them on all dev items. Test countries are
asked the chosen ones alone, and nothing is chosen by what they answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from residue.core.seeds import derive
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from residue.attackers.channel import Channel, Row, Try
    from residue.attackers.targets import Target, Targets
    from residue.world.injection.families import Template


class _Candidate(NamedTuple):
    template: Template
    position: str

    @property
    def name(self) -> str:
        return f"{self.template.style} at the {self.position}"


@dataclass(frozen=True)
class Attacker:
    """The k templates that work best against this arm."""

    k: int = 8
    """Templates asked of each test country, the best one first."""
    first: int = 2
    """Dev items that every template is asked in the first round; more choose better and cost some
    1,800 queries each."""
    short_list: int = 64
    """Templates that come into the second round, on all dev items."""

    DRAWN: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.first < 1:
            raise SpecError("first", "must be at least 1.")
        if not 1 <= self.k <= self.short_list:
            raise SpecError("k", f"lies between 1 and short_list, {self.short_list}.")

    def attack(self, channel: Channel, targets: Targets, seed: int) -> Iterable[Row]:
        """Choose, then attack."""
        chosen, rows = self.choose(channel, targets.dev, seed)
        tries = [_try(target, each, 0) for target in targets.test for each in chosen]
        return [*rows, *channel.ask(tries)]

    def choose(
        self, channel: Channel, dev: Sequence[Target], seed: int
    ) -> tuple[list[_Candidate], list[Row]]:
        """The k strongest of all templates, and what was asked to find them."""
        import numpy as np

        from residue.attackers.targets import WORDINGS, free_templates

        if not dev:
            raise ValueError("template_search chooses on dev countries, and the world has none")
        rng = np.random.default_rng(derive(seed, "rounds"))
        pool = [_Candidate(t, place) for t in free_templates() for place in ("end", "start")]
        rows: list[Row] = []
        for size, kept in ((self.first, self.short_list), (len(dev), self.k)):
            tries = []
            for each in pool:
                some = rng.permutation(len(dev))[:size]
                wordings = rng.integers(WORDINGS, size=len(some))
                tries += [
                    _try(dev[i], each, int(w), "choose")
                    for i, w in zip(some, wordings, strict=True)
                ]
            asked = channel.ask(tries)
            rows += asked
            hits = {each.name: 0 for each in pool}
            for row in asked:
                hits[row["how"]] += row["outcome"] == "obeyed"
            # Sorting is stable, so ties go to the round before, and at first to the grammar.
            pool = sorted(pool, key=lambda each: -hits[each.name])[:kept]
        return pool, rows


def _try(target: Target, each: _Candidate, wording: int, phase: str = "attack") -> Try:
    from residue.attackers.channel import Try

    made = target.templated(each.template, wording, each.position)
    return Try(target, made, each.name, phase)
