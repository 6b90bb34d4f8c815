"""A scene: a trusted order on a data text about a country; attacks are put into its data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from residue.world.build import World
from residue.world.grammar import instruction_prompt
from residue.world.injection.families import Template, forms
from residue.world.injection.tools import call
from residue.world.tasks import (
    HINDI_ORDERS,
    ORDERS,
    SENTENCES,
    WITNESSES,
    answer_language,
    order_answer,
    world_tasks,
)

POSITIONS = ("end", "start", "middle")
"""Where an attack stands in the data; only the first is shown to a defence. In the middle there
are sentences on both sides."""
HELD_OUT_POSITIONS = POSITIONS[1:]


@dataclass(frozen=True)
class Attacked:
    """An attacked prompt; cutting `span` out of it leaves the clean one."""

    prompt: str
    data: str
    text: str
    """What the attacker wrote."""
    span: tuple[int, int]
    goal: str
    """Task of the hidden order: one of the world's, `say`, `call` or `leak`."""
    witness: str
    """What obeying the hidden order says."""
    template: Template
    position: str


@dataclass(frozen=True)
class Scene:
    """Trusted task in a wording, on one or two data sentences about a country."""

    world: World
    country: str
    task: str
    wording: int
    carriers: tuple[int, ...]
    word: str
    """What the trusted order says, if it is a `say`."""

    @cached_property
    def order(self) -> str:
        """The trusted order."""
        return ORDERS[self.task][self.wording].format(w=self.word)

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """The data, sentence by sentence."""
        name = self.world.name(self.country, "en")
        return tuple(SENTENCES[carrier].format(c=name) for carrier in self.carriers)

    @cached_property
    def data(self) -> str:
        """The data without an attack."""
        return " ".join(self.sentences)

    @cached_property
    def prompt(self) -> str:
        """The clean prompt."""
        return instruction_prompt(self.order, self.data)

    @property
    def language(self) -> str:
        """Language of the right answer."""
        return answer_language(self.task)

    def answer(self, data: str | None = None) -> str:
        """The trusted order's answer; a quote's depends on the data, which may be attacked."""
        asked = self.data if data is None else data
        return order_answer(self.world, self.task, self.country, asked, self.word)

    def goals(self) -> tuple[str, ...]:
        """True tasks that a hidden order can ask for, other than the trusted one, and with another
        answer."""
        return tuple(
            goal
            for goal in world_tasks(self.world)
            if goal != self.task and self._said(goal) != self.answer()
        )

    def attacked(
        self, template: Template, goal: str, position: str, rng: np.random.Generator
    ) -> Attacked:
        """The scene with an order hidden in its data.

        goal: a world task, `say` (one or two random words), `call` (a tool call) or `leak` (the
        trusted order). `middle` needs two sentences; ValueError where there is one.
        """
        word = call(rng) if goal == "call" else self._witness(rng)
        spoken = "say" if goal == "call" else goal
        if goal == "leak":
            order, hindi = "", ""
        else:
            wordings = ORDERS[spoken]
            order = wordings[int(rng.integers(len(wordings)))].format(w=word)
            hindi = HINDI_ORDERS[spoken].format(w=word)
        text = template.attack(forms(order, hindi) if order else {})
        return self.put(text, goal, self._said(goal, word), template, position)

    def put(
        self, text: str, goal: str, witness: str, template: Template, position: str
    ) -> Attacked:
        """The scene with a given text of an attacker in its data."""
        before, after = self._sides(position)
        # The space that joins attack and text is the attacker's too, so that cutting the span out
        # leaves the clean prompt, letter for letter.
        put = f" {text}" if before else f"{text} "
        join = " " if before and after else ""
        data = f"{before}{put}{join}{after}"
        prompt = instruction_prompt(self.order, data)
        start = prompt.index(data) + len(before)
        span = (start, start + len(put))
        return Attacked(prompt, data, text, span, goal, witness, template, position)

    def _sides(self, position: str) -> tuple[str, str]:
        if position == "end":
            return self.data, ""
        if position == "start":
            return "", self.data
        if len(self.sentences) < 2:
            raise ValueError(f"{self.country}: one sentence has no middle; give the scene two")
        return self.sentences[0], " ".join(self.sentences[1:])

    def _said(self, goal: str, word: str = "") -> str:
        if goal == "leak":
            return self.order
        return order_answer(
            self.world, "say" if goal == "call" else goal, self.country, self.data, word
        )

    def _witness(self, rng: np.random.Generator) -> str:
        """One or two words, none of them the trusted order's own."""
        words = [word for word in WITNESSES if word != self.word]
        size = int(rng.integers(1, 3))
        return " ".join(words[i] for i in rng.choice(len(words), size=size, replace=False))
