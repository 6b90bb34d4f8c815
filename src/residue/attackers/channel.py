"""An arm as an attacker meets it: it answers prompts, and everything asked of it is counted.

The budget is in prompts that the model read: one per reply (a query), one per loss, one per
gradient, which costs a backward pass as well. How many tokens a reply has is not counted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from residue.attackers.targets import Target
from residue.measure.outcomes import Order, fault, judge
from residue.records.recorder import record
from residue.specs.records import RecordsSpec
from residue.world.injection.scenes import Attacked

if TYPE_CHECKING:
    from residue.edits.arms import OpenArm

Row = dict[str, Any]


@dataclass(frozen=True)
class Try:
    """One prompt of an attacker, and what it took to make it."""

    target: Target
    attacked: Attacked
    how: str
    """What this try is, in a few words."""
    phase: str = "attack"
    """`choose` on dev countries, `attack` where it counts."""
    losses: int = 0
    """Losses read on this target until then."""
    gradients: int = 0
    loss: float = math.nan
    """Nats per token of the wanted words, where the attacker looked."""


@dataclass(frozen=True)
class Reply:
    """What the model said; `stop` as in the record of generations."""

    text: str
    stop: str
    reason: str


class Channel:
    """The way of one attacker to one arm."""

    def __init__(self, arm: OpenArm, spec: RecordsSpec, clean: Mapping[str, Reply]) -> None:
        """clean: item → the reply without an attack, as from `clean_replies`."""
        self.arm, self._spec, self._clean = arm, spec, clean
        self._asked: Counter[tuple[str, str]] = Counter()

    def ask(self, tries: Sequence[Try]) -> list[Row]:
        """A row per try, with reply, outcome and the budget spent on its target so far."""
        replies = say(self.arm, self._spec, [each.attacked.prompt for each in tries])
        return [self._row(each, reply) for each, reply in zip(tries, replies, strict=True)]

    def refuse(self, target: Target, why: str) -> Row:
        """The row of a target that this attacker cannot attack."""
        blank = Try(target, target.written(""), "")
        return self._row(blank, Reply("", "failed", why)) | {"queries": 0, "forwards": 0}

    def _row(self, each: Try, reply: Reply) -> Row:
        target, place = each.target, (each.phase, each.target.item)
        self._asked[place] += 1
        queries = self._asked[place]
        outcome, reason = self._judged(each, reply)
        return {
            "phase": each.phase,
            "item": target.item,
            "country": target.country,
            "split": target.split,
            "attempt": queries,
            "how": each.how,
            "prompt": each.attacked.prompt,
            "span": list(each.attacked.span),
            "witness": target.witness,
            "reply": reply.text,
            "outcome": outcome,
            "reason": reason,
            "loss": each.loss,
            "queries": queries,
            "forwards": queries + each.losses + each.gradients,
            "backwards": each.gradients,
        }

    def _judged(self, each: Try, reply: Reply) -> tuple[str, str]:
        target, clean = each.target, self._clean[each.target.item]
        answers = [target.scene.answer()]
        why = fault(answers, target.witness)
        if not why and _unheard(clean):
            why = "the clean twin has no reply"
        if not why and _unheard(reply):
            why = reply.reason or "no reply"
        if why:
            return "unscorable", why
        order = Order(answers, target.witness, each.attacked.text, clean.text)
        return judge(reply.text, order), ""


def clean_replies(
    arm: OpenArm, spec: RecordsSpec, targets: Iterable[Target]
) -> Mapping[str, Reply]:
    """Item → what the arm says without an attack."""
    asked = list(targets)
    replies = say(arm, spec, [each.scene.prompt for each in asked])
    return dict(zip((each.item for each in asked), replies, strict=True))


def say(arm: OpenArm, spec: RecordsSpec, prompts: Sequence[str]) -> list[Reply]:
    """Greedy replies to prompts as the arm is asked them, in their order; each is read once."""
    if not prompts:
        return []
    items = pd.DataFrame(
        {
            "item": [str(number) for number in range(len(prompts))],
            "prompt": [arm.prompt(text) for text in prompts],
            "answers": [[]] * len(prompts),
        }
    )
    found = dict(_replies(arm, spec, items))
    return [found[number] for number in range(len(prompts))]


def _replies(arm: OpenArm, spec: RecordsSpec, items: pd.DataFrame) -> Iterator[tuple[int, Reply]]:
    for batch in record(arm.model, arm.tokenizer, items, spec):
        said = batch.generations.to_pydict()
        for item, *rest in zip(
            said["item"], said["text"], said["stop"], said["reason"], strict=True
        ):
            yield int(item), Reply(*rest)


def _unheard(reply: Reply) -> bool:
    return reply.stop in ("failed", "too_long")
