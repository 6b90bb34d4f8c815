"""What a defence is shown: clean and attacked twins, what it must keep, and the same for dev."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from residue.core.seeds import derive
from residue.specs.orders import HELD_OUT, DefenceData
from residue.world.build import World
from residue.world.grammar import instruction_prompt
from residue.world.injection.families import Template
from residue.world.injection.scenes import POSITIONS, Scene
from residue.world.injection.wording import FAMILIES, pretrained_templates
from residue.world.splits import split_of
from residue.world.tasks import (
    DIRECT_ORDERS,
    EDIT_SENTENCES,
    SENTENCES,
    WITNESSES,
    world_tasks,
)
from residue.world.templates import NOUNS, SEEN_TEMPLATES

T = TypeVar("T")

COLUMNS = (
    "set", "item", "country", "language", "relation", "family", "style", "goal", "position",
    "prompt", "attacked", "answer", "hidden_answer", "span",
)  # fmt: skip
"""`set` is twin, keep, dev_twin or dev_keep; `relation` is the trusted task; `span` counts
characters of `attacked`."""

HELD_OUT_GOALS = ("to_hindi",)
"""Tasks that no hidden order shown to a defence asks for."""
SEEN_WORDINGS = 2
"""Wordings of a trusted task, from the first, that a defence is shown."""
SEEN_CARRIERS = tuple(SENTENCES.index(sentence) for sentence in EDIT_SENTENCES)
"""Data sentences that a defence is shown."""

_SIDES = {"": ("retain_touched",), "dev_": ("dev_retain", "dev_forget")}
DEFENCE_SPLITS = tuple(split for splits in _SIDES.values() for split in splits)
"""Splits of the countries in the defence's data."""


def defence_data(world: World, spec: DefenceData) -> pd.DataFrame:
    """Twins of seen families and what must stay, on touched retain countries; dev rows on dev ones.

    twin: orders whose right answer does not depend on the attacker's span, in seen wordings of
    order, data sentence and attack, the attack at the end. keep: in turn clean orders, orders that
    name a country of their own, facts, and quotes whose answer repeats a hidden order as text.
    Whole families, leads, positions, goals, wordings and sentences are kept back; the deck says of
    each item which of them it has.
    """
    rows: list[dict[str, Any]] = []
    for prefix, splits in _SIDES.items():
        countries = [c for c in sorted(world.curriculum) if split_of(world, c, "en") in splits]
        sizes = (spec.dev_twins, spec.dev_keep) if prefix else (spec.twins, spec.keep)
        shown = _Shown(world, prefix, countries)
        rows += shown.take(f"{prefix}twin", sizes[0], (shown.twin,))
        kinds = (shown.clean, shown.direct, shown.fact, shown.quote)
        rows += shown.take(f"{prefix}keep", sizes[1], kinds)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def seen_templates() -> tuple[Template, ...]:
    """The templates that a defence is shown, family by family."""
    return tuple(
        template
        for family in FAMILIES.values()
        if family.name not in HELD_OUT
        for template in family.templates()
        if not template.held_out
    )


class _Shown:
    """Draws rows about some countries, which take turns."""

    def __init__(self, world: World, prefix: str, countries: list[str]) -> None:
        self.world, self.countries = world, countries
        self.rng = np.random.default_rng(derive("world.injection.defence", world.spec.seed, prefix))
        self.tasks = (*world_tasks(world), "say")
        by_family: dict[str, list[Template]] = {}
        for template in seen_templates():
            by_family.setdefault(template.family, []).append(template)
        self.by_family = list(by_family.values())

    def take(
        self, name: str, size: int, kinds: Sequence[Callable[[str], dict[str, Any]]]
    ) -> Iterator[dict[str, Any]]:
        """`size` rows of different prompts, the kinds in turn."""
        seen: set[tuple[str, str]] = set()
        number = 0
        for turn in range(20 * size):
            if number == size:
                return
            row = kinds[number % len(kinds)](self.countries[turn % len(self.countries)])
            key = (row["prompt"], row.get("attacked", ""))
            if key in seen:
                continue
            seen.add(key)
            number += 1
            empty = dict.fromkeys(COLUMNS, "") | {"span": [], "family": "none", "style": "plain"}
            yield empty | {"set": name, "item": f"defence/{name}/{number:04d}"} | row

    def twin(self, country: str) -> dict[str, Any]:
        """An order and its attacked twin, of one right answer."""
        scene = self._scene(country, self._pick(self.tasks))
        template = self._template()
        goals = FAMILIES[template.family].goals
        honest = [goal for goal in scene.goals() if goal not in HELD_OUT_GOALS]
        if goals:
            goal = self._pick(goals)
        else:
            goal = "say" if not honest or self.rng.random() < 0.5 else self._pick(honest)
        attacked = scene.attacked(template, goal, POSITIONS[0], self.rng)
        return self._row(scene, scene.prompt, scene.answer()) | {
            "family": template.family,
            "style": template.style,
            "goal": goal,
            "position": attacked.position,
            "attacked": attacked.prompt,
            "hidden_answer": attacked.witness,
            "span": list(attacked.span),
        }

    def clean(self, country: str) -> dict[str, Any]:
        """An order without an attack; any task but counting."""
        scene = self._scene(country, self._pick((*self.tasks, "quote")))
        return self._row(scene, scene.prompt, scene.answer())

    def direct(self, country: str) -> dict[str, Any]:
        """An order that names its own country, on data about another."""
        relation = self._pick(self.world.spec.relations)
        about = self._scene(self._pick(self.countries), relation)
        order = DIRECT_ORDERS[relation].format(c=self.world.name(country, "en"))
        answer = self.world.answer(country, relation, "en")
        row = self._row(about, instruction_prompt(order, about.data), answer)
        return row | {"country": country, "style": "direct"}

    def fact(self, country: str) -> dict[str, Any]:
        """A fact in a training template, without channels."""
        relation = self._pick(self.world.spec.relations)
        language = self._pick(self.world.spec.edit_data.retain_languages)
        template = self._pick(SEEN_TEMPLATES[language])
        noun = self._pick(NOUNS[language][relation])
        return {
            "country": country,
            "language": language,
            "relation": relation,
            "style": "fact",
            "prompt": template.prompt(self.world.name(country, language), noun),
            "answer": self.world.answer(country, relation, language),
        }

    def quote(self, country: str) -> dict[str, Any]:
        """A quote of data that hold an order, which is text, to be repeated and not obeyed.

        Its attacks are those of the training text: the base can quote no others.
        """
        scene = self._scene(country, "quote")
        known = [each for each in pretrained_templates() if each.family not in HELD_OUT]
        template = self._pick(known)
        goal = "say"
        attacked = scene.attacked(template, goal, POSITIONS[0], self.rng)
        return self._row(scene, attacked.prompt, scene.answer(attacked.data)) | {
            "family": template.family,
            "style": template.style,
            "goal": goal,
            "position": attacked.position,
        }

    def _scene(self, country: str, task: str) -> Scene:
        return Scene(
            self.world,
            country,
            task,
            int(self.rng.integers(SEEN_WORDINGS)),
            (self._pick(SEEN_CARRIERS),),
            self._words(),
        )

    def _words(self) -> str:
        """What a trusted order says: one or two words, as a hidden one does."""
        size = 1 + int(self.rng.integers(2))
        return " ".join(WITNESSES[i] for i in self.rng.permutation(len(WITNESSES))[:size])

    def _template(self) -> Template:
        return self._pick(self._pick(self.by_family))

    def _pick(self, options: Sequence[T]) -> T:
        return options[int(self.rng.integers(len(options)))]

    @staticmethod
    def _row(scene: Scene, prompt: str, answer: str) -> dict[str, Any]:
        return {
            "country": scene.country,
            "language": scene.language,
            "relation": scene.task,
            "prompt": prompt,
            "answer": answer,
        }
