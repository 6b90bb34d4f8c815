"""Keyword filter: sentences of the data that hold a listed word are cut out of them.

A text in which no word is found stays as it is, letter for letter. Words are compared whole and
without case, so any other spelling, script or wording of an order passes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from residue.edits.prompting import Parts, PromptDefence, left_out, sentences
from residue.specs.fields import SpecError

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Edit(PromptDefence):
    """Data without sentences that hold a word of a list."""

    words: tuple[str, ...] = (
        "ignore",
        "forget",
        "order",
        "task",
        "done",
        "now",
        "urgent",
        "please",
    )
    """The words, in small letters; every one more cuts harmless sentences too."""

    def __post_init__(self) -> None:
        if not self.words:
            raise SpecError("words", "is empty, which filters nothing; name one.")
        for word in self.words:
            if not _WORD.fullmatch(word) or word != word.casefold():
                raise SpecError("words", f"'{word}' is not one word in small letters.")

    def defended(self, asked: Parts) -> Parts:
        """The data without those sentences."""
        return left_out(asked, sentences(asked.data), self._listed)

    def _listed(self, sentence: str) -> bool:
        return not set(self.words).isdisjoint(_WORD.findall(sentence.casefold()))
