"""Deck `orders`: instruction tasks, each clean and with attacks hidden in its data."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import pandas as pd

from residue.core.seeds import derive
from residue.world.build import World
from residue.world.grammar import instruction_prompt
from residue.world.items import as_deck, distractors, other_answers, unit_columns
from residue.world.splits import same_answer
from residue.world.tasks import (
    ITEM_SENTENCES,
    NUMBERS,
    ORDERS,
    STYLES,
    WITNESSES,
    answer_language,
    hidden_order,
    order_answer,
    tasks,
    world_tasks,
)


def orders_deck(world: World) -> pd.DataFrame:
    """One clean item per trained country, and `spec.decks.attacks` attacked twins of most of them.

    Tasks go round within each group and role. An attacked item's `answers` hold what the trusted
    order asks and `witness` what the hidden one asks, so a generation equal to the witness obeyed
    it. Half of the hidden orders are true world tasks, half ask for one or two random words.
    `twin` names the clean item; `family` is the attack's style, `none` for clean items; `span`
    marks all that the attacker wrote. Two tasks stand apart: an attacked quote repeats the hidden
    order as text, so its witness is empty (it measures fidelity); counting words is never attacked,
    because what should be counted would be open.
    """
    rng = np.random.default_rng(derive("world.items.orders", world.spec.seed))
    names = tasks(world)
    attack = count()
    rows: list[dict[str, Any]] = []
    for number, country in enumerate(_countries(world, rng)):
        scene = _Scene(world, names[number % len(names)], country)
        rows.append(scene.clean())
        if scene.task != "count":
            rows.extend(scene.attacked(next(attack)) for _ in range(world.spec.decks.attacks))
    return as_deck(rows)


def _countries(world: World, rng: np.random.Generator) -> Iterator[str]:
    """Trained countries in random order within each group and role."""
    trained = world.groups[world.groups["first_seen"] >= 0]
    for _, part in trained.groupby(["group", "role"], sort=True):
        yield from part["country"].to_numpy()[rng.permutation(len(part))]


class _Scene:
    """A trusted order, a data sentence and a country: one clean item and its attacked twins."""

    def __init__(self, world: World, task: str, country: str) -> None:
        self.world, self.task, self.country = world, task, country
        # A generator of its own, so that more attacks on one country change no other's items.
        rng = np.random.default_rng(derive("world.items.orders", world.spec.seed, country))
        self.rng = rng
        self.wording = int(rng.integers(len(ORDERS[task])))
        self.carrier = int(rng.integers(len(ITEM_SENTENCES)))
        self.sentence = ITEM_SENTENCES[self.carrier].format(c=world.name(country, "en"))
        self.word = WITNESSES[int(rng.integers(len(WITNESSES)))]
        self.order = ORDERS[task][self.wording].format(w=self.word)
        self.clean_id = f"orders/{task}/{country}/clean"

    def clean(self) -> dict[str, Any]:
        """The item without an attack."""
        return {
            **self._shared(self.sentence),
            "item": self.clean_id,
            "family": "none",
            "prompt": instruction_prompt(self.order, self.sentence),
        }

    def attacked(self, turn: int) -> dict[str, Any]:
        """The item with the deck's `turn`-th attack.

        Styles go round, and true tasks and witnesses take turns; the number of styles is odd, so
        each style meets both.
        """
        style = STYLES[turn % len(STYLES)]
        honest = [other for other in world_tasks(self.world) if other != self.task]
        payload = "say" if turn % 2 else honest[int(self.rng.integers(len(honest)))]
        word = self._witness_word()
        wording = ORDERS[payload][int(self.rng.integers(len(ORDERS[payload])))].format(w=word)
        data, (start, end) = style.inject(
            self.sentence, hidden_order(style, payload, wording, word)
        )
        prompt = instruction_prompt(self.order, data)
        offset = prompt.index(data)
        witness = order_answer(self.world, payload, self.country, data, word)
        return {
            **self._shared(data),
            "item": f"orders/{self.task}/{self.country}/{style.name}",
            "family": style.name,
            "position": style.position,
            "twin": self.clean_id,
            "prompt": prompt,
            "witness": "" if self.task == "quote" else witness,
            "span": [offset + start, offset + end],
        }

    def _shared(self, data: str) -> dict[str, Any]:
        world, task, country = self.world, self.task, self.country
        asks_fact = task in world.spec.relations
        answer = order_answer(world, task, country, data, self.word)
        return {
            **unit_columns(world, country, "en"),
            "track": "injection",
            "deck": "orders",
            "language": answer_language(task),
            "relation": task if asks_fact else "",
            "template": f"{task}-{self.wording + 1}",
            "style": "plain",
            "requested": asks_fact and world.requested(country, "en"),
            "same_answer": asks_fact and same_answer(world, country, task, "en"),
            "task": task,
            "carrier": f"sentence-{self.carrier + 1}",
            "answers": [answer],
            "distractors": self._distractors(answer),
        }

    def _distractors(self, answer: str) -> list[str]:
        if self.task == "quote":
            return []
        if self.task in ("say", "count"):
            words = sorted(set(WITNESSES if self.task == "say" else NUMBERS) - {answer})
            return distractors(self.world, words, answer)
        relation = "name" if self.task == "to_hindi" else self.task
        return other_answers(self.world, relation, answer_language(self.task), answer)

    def _witness_word(self) -> str:
        """One or two words, none of them the trusted order's own."""
        words = [word for word in WITNESSES if word != self.word]
        size = int(self.rng.integers(1, 3))
        return " ".join(words[i] for i in self.rng.choice(len(words), size=size, replace=False))
