"""Deck `orders`: trusted orders on data, each clean and with orders hidden in its data.

The design is factorial: a trusted order S, data D about a country, a hidden order in a template,
its goal and its position are dealt independently. Clean and attacked twins differ by the recorded
span alone. On retain countries the same D stands under two S with different answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from residue.core.seeds import derive
from residue.specs.orders import HELD_OUT, OrderItems
from residue.world.build import World
from residue.world.grammar import instruction_prompt
from residue.world.injection.controls import CONTROLS
from residue.world.injection.defence import (
    DEFENCE_SPLITS,
    HELD_OUT_GOALS,
    SEEN_CARRIERS,
    SEEN_WORDINGS,
)
from residue.world.injection.design import Dealer, Plan
from residue.world.injection.scenes import HELD_OUT_POSITIONS, Attacked, Scene
from residue.world.injection.wording import FAMILIES, pretrained_templates
from residue.world.items import as_deck, distractors, other_answers, unit_columns
from residue.world.splits import same_answer, split_of
from residue.world.tasks import (
    ITEM_SENTENCES,
    NUMBERS,
    ORDERS,
    SENTENCES,
    WITNESSES,
    answer_language,
    world_tasks,
)

_PLAIN = FAMILIES["naive"].templates()[0]
"""The hidden order alone, which is also asked in the trusted channel and quoted."""
_TWO_SENTENCES = 3
"""One country of so many has data of two sentences."""


def orders_deck(world: World, spec: OrderItems = OrderItems()) -> pd.DataFrame:  # noqa: B008
    """All items about trained countries: clean, attacked, and controls.

    A retain country has two trusted orders on the same data (the second names the first as its
    `twin`), `world.decks.attacks` attacks on each; any other country has one order and half as many
    attacks. Beside them stand a clean quote and count, attacked quotes, whose right answer repeats
    the hidden order as text (they measure fidelity, so their witness is empty), and controls: the
    hidden order in the trusted channel (`control_trusted`), and benign texts that look like
    attacks. Half of the hidden orders of a family without goals of its own are true world tasks,
    half ask for one or two random words.
    """
    rows: list[dict[str, Any]] = []
    dealers = {group: Dealer(world.spec.seed, group) for group in ("retain", "forget", "dev")}
    for number, country in enumerate(_countries(world)):
        group = world.group_of[country][0]
        rows += _Country(world, spec, country, number, dealers[group]).rows()
    return as_deck(rows)


def _countries(world: World) -> Iterator[str]:
    """Trained countries in random order within each group and role."""
    rng = np.random.default_rng(derive("world.items.orders", world.spec.seed))
    trained = world.groups[world.groups["first_seen"] >= 0]
    for _, part in trained.groupby(["group", "role"], sort=True):
        yield from part["country"].to_numpy()[rng.permutation(len(part))]


class _Country:
    """The items about one country."""

    def __init__(
        self, world: World, spec: OrderItems, country: str, number: int, dealer: Dealer
    ) -> None:
        self.world, self.spec, self.country, self.dealer = world, spec, country, dealer
        self.number = number
        self.kept = world.group_of[country][0] == "retain"
        # Generators of their own, so that more attacks on one country change no other's items.
        self.rng = np.random.default_rng(derive("world.items.orders", world.spec.seed, country))
        tasks = (*world_tasks(world), "say")
        first = tasks[number % len(tasks)]
        others = [task for task in tasks if task != first]
        second = others[int(self.rng.integers(len(others)))]
        scene = Scene(
            world, country, first, self._wording(first), self._carriers(number), self._word()
        )
        self.scenes = [scene]
        if self.kept:
            self.scenes.append(replace(scene, task=second, wording=self._wording(second)))
        self.drawn = np.random.default_rng(
            derive("world.items.orders", world.spec.seed, country, "attacks")
        )

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every item, each clean one before its attacked twins."""
        attacks = self.world.spec.decks.attacks
        each = attacks if self.kept else max(1, attacks // 2)
        for scene in self.scenes:
            yield self._clean(scene)
            for _ in range(each):
                yield self._attacked(scene, self.dealer.deal(len(scene.carriers)))
        lone = replace(self.scenes[0], carriers=self.scenes[0].carriers[:1])
        count = replace(lone, task="count", wording=self._wording("count"))
        quote = replace(lone, task="quote", wording=self._wording("quote"))
        yield self._clean(count)
        yield self._clean(quote)
        yield from self._thrice(quote)
        # The base can quote the attacks that its training text had, and no others.
        known = [each for each in pretrained_templates() if each != _PLAIN]
        chosen = self.drawn.permutation(len(known))[: self.spec.quotes - 1 if self.kept else 0]
        for number in chosen:
            yield self._quoted(quote.attacked(known[int(number)], "say", "end", self.drawn), quote)
        kinds = list(CONTROLS)
        for turn in range(self.spec.controls if self.kept else 1):
            kind = kinds[(self.number + turn) % len(kinds)]
            yield self._control(self.scenes[0], kind, turn)

    def _thrice(self, quote: Scene) -> Iterator[dict[str, Any]]:
        """One hidden order as data, as text to be quoted, and in the trusted channel."""
        scene = self.scenes[0]
        said = scene.attacked(_PLAIN, "say", "end", self.drawn)
        if self.kept:
            hidden = self._hidden(scene, said, scene.answer(), "thrice")
            yield hidden | {"witness": said.witness}
        yield self._quoted(quote.put(said.text, "say", said.witness, _PLAIN, "end"), quote)
        asked = replace(scene, task="say", word=said.witness)
        prompt = instruction_prompt(said.text, scene.data)
        row = self._row(asked, "trusted", prompt, said.witness)
        yield row | {"style": "control_trusted", "template": ""}

    def _clean(self, scene: Scene) -> dict[str, Any]:
        first = self.scenes[0]
        beside = scene.data == first.data and scene.task != first.task
        return self._row(scene, "clean", scene.prompt, scene.answer()) | {
            "twin": _name(first, "clean") if beside else ""
        }

    def _attacked(self, scene: Scene, plan: Plan) -> dict[str, Any]:
        template = plan.template
        honest = scene.goals()
        goals = FAMILIES[template.family].goals
        if not goals:
            goals = honest if plan.honest and honest else ("say",)
        goal = goals[int(self.drawn.integers(len(goals)))]
        attacked = scene.attacked(template, goal, plan.position, self.drawn)
        return self._hidden(scene, attacked, scene.answer()) | {"witness": attacked.witness}

    def _quoted(self, attacked: Attacked, quote: Scene) -> dict[str, Any]:
        """A quote repeats the hidden order as text, so no witness tells obedience."""
        return self._hidden(quote, attacked, quote.answer(attacked.data))

    def _hidden(
        self, scene: Scene, attacked: Attacked, answer: str, kind: str = ""
    ) -> dict[str, Any]:
        template = attacked.template
        kind = kind or f"{template.style}-{attacked.position}"
        row = self._row(scene, kind, attacked.prompt, answer)
        axes = {
            "family": template.family in HELD_OUT,
            "style": template.held_out
            or template.family in HELD_OUT
            or attacked.position in HELD_OUT_POSITIONS,
            "goal": attacked.goal in HELD_OUT_GOALS,
        }
        return row | {
            "family": template.family,
            "style": template.style,
            "position": attacked.position,
            "goal": attacked.goal,
            "twin": _name(scene, "clean"),
            "span": list(attacked.span),
            "held_out": _axes(scene, axes),
        }

    def _control(self, scene: Scene, kind: str, turn: int) -> dict[str, Any]:
        texts = CONTROLS[kind]
        text = texts[int(self.drawn.integers(len(texts)))]
        prompt = instruction_prompt(scene.order, f"{scene.data} {text}")
        row = self._row(scene, f"control-{turn + 1}", prompt, scene.answer())
        return row | {"style": f"control_{kind}", "twin": _name(scene, "clean")}

    def _row(self, scene: Scene, kind: str, prompt: str, answer: str) -> dict[str, Any]:
        world, task, country = self.world, scene.task, self.country
        asks_fact = task in world.spec.relations
        return {
            **unit_columns(world, country, "en"),
            "item": _name(scene, kind),
            "track": "injection",
            "deck": "orders",
            "language": answer_language(task),
            "relation": task if asks_fact else "",
            "template": f"{task}-{scene.wording + 1}",
            "family": "none",
            "style": "plain",
            "requested": asks_fact and world.requested(country, "en"),
            "same_answer": asks_fact and same_answer(world, country, task, "en"),
            "task": task,
            "carrier": "sentence-" + "+".join(str(carrier + 1) for carrier in scene.carriers),
            "held_out": _axes(scene, {}),
            "prompt": prompt,
            "answers": [answer],
            "distractors": self._distractors(scene, answer),
        }

    def _distractors(self, scene: Scene, answer: str) -> list[str]:
        if scene.task == "quote":
            return []
        if scene.task in ("say", "count"):
            words = sorted(set(WITNESSES if scene.task == "say" else NUMBERS) - {answer})
            return distractors(self.world, words, answer)
        relation = "name" if scene.task == "to_hindi" else scene.task
        return other_answers(self.world, relation, answer_language(scene.task), answer)

    def _wording(self, task: str) -> int:
        return int(self.rng.integers(len(ORDERS[task])))

    def _word(self) -> str:
        return WITNESSES[int(self.rng.integers(len(WITNESSES)))]

    def _carriers(self, number: int) -> tuple[int, ...]:
        """One or two data sentences. Where a defence is trained or chosen on the country, they are
        others than it is shown, so that it has seen no scored text."""
        shown = split_of(self.world, self.country, "en") in DEFENCE_SPLITS
        texts = ITEM_SENTENCES if shown else SENTENCES
        size = 2 if number % _TWO_SENTENCES == 0 else 1
        chosen = self.rng.permutation(len(texts))[:size]
        return tuple(SENTENCES.index(texts[int(i)]) for i in chosen)


def _name(scene: Scene, kind: str) -> str:
    return f"orders/{scene.task}/{scene.country}/{kind}"


def _axes(scene: Scene, axes: dict[str, bool]) -> str:
    """Which axes no defence was shown, in a fixed order."""
    new = axes | {
        "template": scene.wording >= SEEN_WORDINGS,
        "carrier": any(carrier not in SEEN_CARRIERS for carrier in scene.carriers),
    }
    order = ("family", "template", "style", "carrier", "goal")
    return ",".join(axis for axis in order if new.get(axis))
