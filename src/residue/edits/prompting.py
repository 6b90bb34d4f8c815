"""Edits of the prompt alone: where the data lie in it, and what a defence writes around them.

A prompt with channels is `<|sys|> order<|data|> data<|ans|>`. It is changed before any tokenizer or
chat template sees it, so that a model with turns of its own is asked the changed text in them. A
prompt without channels has no data in it and is left as it is.
"""

from __future__ import annotations

import dataclasses
import json
import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from residue.edits.attached import Attached
from residue.world.grammar import ANS, DATA, SYS, instruction_prompt, without_channel_tokens

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.fitting import FitData

SETTINGS = "edit.json"
_SENTENCE = re.compile(r"[^.!?।]*[.!?।]*\s*")


@dataclass(frozen=True)
class Parts:
    """A prompt with channels."""

    before: str
    """Whole documents before the order that is to be done, such as demonstrations."""
    order: str
    """The trusted order."""
    data: str
    """What anybody may have written."""

    def prompt(self) -> str:
        """The parts as a prompt; a channel token that stands in the data is filtered from them,
        also one that a change has joined up."""
        return self.before + instruction_prompt(self.order, self.data)

    def told(self, note: str) -> Parts:
        """The same with a note behind the order, in the trusted channel; an empty one adds
        nothing."""
        return replace(self, order=f"{self.order} {note}") if note else self


def parts(prompt: str) -> Parts | None:
    """The parts of a prompt; None where it has no channels.

    The data are those behind the last order. ValueError where it is not followed by one text of
    data and the mark of the answer: nobody could say then what is data.
    """
    if not prompt.startswith(SYS):
        return None
    start = prompt.rindex(SYS)
    before, last = prompt[:start], prompt[start:]
    if last.count(DATA) != 1 or not last.endswith(ANS) or last.count(ANS) != 1:
        raise ValueError(
            f"'{last}' is not an order, {DATA}, one text of data and {ANS}; a defence of the "
            "prompt knows no other form, so leave its arm out or write the prompt so"
        )
    order, data = last.removeprefix(SYS).removesuffix(ANS).split(DATA)
    return Parts(before, order.removeprefix(" "), data.removeprefix(" "))


def sentences(text: str) -> list[str]:
    """The sentences of a text with their marks and the spaces behind them; joined, the text."""
    return [found for found in _SENTENCE.findall(text) if found]


def without(text: str, marks: Sequence[str]) -> str:
    """The text without any of the marks and without channel tokens, also those that a removal
    would join up."""
    while True:
        cleaned = without_channel_tokens(text)
        for mark in marks:
            cleaned = cleaned.replace(mark, "")
        if cleaned == text:
            return text
        text = cleaned


class Rule(Protocol):
    """A dataclass that says how prompts are changed; its fields are what is saved."""

    def rewritten(self, prompt: str) -> str:
        """The prompt as it is to be asked."""


class Rewritten(Attached):
    """A change of prompts, while it is attached; no hook acts and no weight changes."""

    hook = "before the prompt"

    def __init__(self, model: Any, rule: Rule) -> None:
        super().__init__(model)
        self.rule = rule
        self._on, self._strength = True, 1.0

    def prompt(self, text: str) -> str:
        """The prompt by the rule."""
        return self.rule.rewritten(text) if self._on and self._strength != 0 else text

    def parameters(self) -> dict[str, Tensor]:
        """None."""
        return {}

    def set_strength(self, strength: float) -> None:
        """0 leaves prompts alone; there is no half of a text."""
        self._strength = strength

    def save(self, folder: Path) -> None:
        """edit.json with the rule's fields."""
        folder.mkdir(parents=True)
        fields = dataclasses.asdict(self.rule)  # type: ignore[call-overload]
        text = json.dumps(fields, ensure_ascii=False, indent=2)
        (folder / SETTINGS).write_text(text + "\n", encoding="utf-8")

    def _switch(self, on: bool) -> None:
        self._on = on

    def _remove(self) -> None:
        self._on = False


def saved(folder: Path) -> dict[str, Any]:
    """The fields of a saved rule."""
    fields: dict[str, Any] = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    return fields


class PromptMethod:
    """What every `Edit` says that changes prompts alone."""

    REMOVABLE: ClassVar[bool] = True
    NEEDS: ClassVar[tuple[str, ...]] = ()
    GRADED: ClassVar[bool] = False


class PromptEdit(PromptMethod):
    """An `Edit` that is a rule itself: its options are all there is to it."""

    def fit(self, model: Any, tokenizer: Any, data: FitData, *, seed: int, place: int) -> Rewritten:
        """Nothing is fitted."""
        return Rewritten(model, self)

    @classmethod
    def load(cls, model: Any, folder: Path, *, place: int) -> Rewritten:
        """The saved options."""
        return Rewritten(model, cls(**saved(folder)))

    @abstractmethod
    def rewritten(self, prompt: str) -> str:
        """The prompt as it is to be asked."""


class DefenceRule:
    """A rule against hidden orders: it leaves prompts without data alone."""

    def rewritten(self, prompt: str) -> str:
        """The prompt with order and data as the defence has them; as it was, to the letter, where
        it has nothing to change."""
        found = parts(prompt)
        if found is None:
            return prompt
        made = self.defended(found)
        return prompt if made == found else made.prompt()

    @abstractmethod
    def defended(self, asked: Parts) -> Parts:
        """Order and data, changed."""


class PromptDefence(DefenceRule, PromptEdit):
    """An `Edit` against hidden orders whose options are all there is to it."""

    DATA: ClassVar[str] = "defence"


def left_out(asked: Parts, pieces: Sequence[str], flagged: Callable[[str], bool]) -> Parts:
    """The parts without flagged pieces of the data; the same where none is.

    pieces: joined, they are the data.
    """
    kept = [each for each in pieces if not flagged(each)]
    return asked if len(kept) == len(pieces) else replace(asked, data="".join(kept).strip())
