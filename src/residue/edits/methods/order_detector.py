"""Order detector: what looks like an order by its words alone is cut out of the data.

A bag of words (`world/injection/bag_of_words.py`, the same that audits the items) is fitted on the
attacked and clean data of the defence's twins. Its threshold is the lowest at which the stated
share of clean data texts of dev countries, at most, would lose anything. What it flags is left out
and the rest is asked, as detectors of agents leave out a tool's output (AgentDojo, Debenedetti et
al. 2024); nothing is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from residue.edits.prompting import (
    DefenceRule,
    Parts,
    PromptMethod,
    Rewritten,
    left_out,
    parts,
    saved,
    sentences,
)
from residue.specs.fields import SpecError
from residue.world.injection.bag_of_words import BagOfWords, bag_of_words

if TYPE_CHECKING:
    from residue.edits.fitting import FitData

Unit = Literal["sentence", "text"]


@dataclass(frozen=True)
class Edit(PromptMethod):
    """Data without what a bag of words takes for an order."""

    false_blocks: float = 0.02
    """Share of clean data texts that may lose anything, by those of dev countries; a larger one
    cuts more of attacks and of harmless texts."""
    unit: Unit = "sentence"
    """What is judged and left out: each sentence of the data, or the whole text at once."""

    DATA: ClassVar[str] = "defence"

    def __post_init__(self) -> None:
        if not 0.0 <= self.false_blocks < 1.0:
            raise SpecError("false_blocks", f"is a share from 0 to below 1: {self.false_blocks}.")

    def fit(self, model: Any, tokenizer: Any, data: FitData, *, seed: int, place: int) -> Rewritten:
        """Weights from the twins, the threshold from the clean data of dev countries."""
        twins, keep = data.attacks("twin"), data.attacks("dev_keep")
        attacked: list[str] = []
        clean: list[str] = []
        for with_it, without_it in zip(
            _data(twins["attacked"]), _data(twins["prompt"]), strict=True
        ):
            known = pieces(without_it, self.unit)
            clean += known
            attacked += [each for each in pieces(with_it, self.unit) if each not in known]
        detector = Detector.of(bag_of_words(attacked, clean), self.unit)
        prompts = [*data.attacks("dev_twin")["prompt"], *keep[keep["family"] == "none"]["prompt"]]
        scores = [detector.score(text) for text in _data(prompts)]
        return Rewritten(model, replace(detector, threshold=threshold(scores, self.false_blocks)))

    @classmethod
    def load(cls, model: Any, folder: Path, *, place: int) -> Rewritten:
        """The saved detector."""
        return Rewritten(model, Detector(**saved(folder)))


@dataclass(frozen=True)
class Detector(DefenceRule):
    """A bag of words with a threshold."""

    weights: dict[str, float]
    offset: float
    unit: Unit
    threshold: float = math.inf
    """A piece of data is left out if it scores above this."""

    @staticmethod
    def of(bag: BagOfWords, unit: Unit) -> Detector:
        """A detector that flags nothing yet."""
        return Detector(dict(bag.weights), bag.offset, unit)

    def score(self, text: str) -> float:
        """The highest score of the text's pieces; a text without any has none to fear."""
        bag = BagOfWords(self.weights, self.offset)
        return max(map(bag.score, pieces(text, self.unit)), default=-math.inf)

    def defended(self, asked: Parts) -> Parts:
        """The data without the pieces that score above the threshold."""
        found = pieces(asked.data, self.unit)
        return left_out(asked, found, lambda each: self.score(each) > self.threshold)


def pieces(text: str, unit: Unit) -> list[str]:
    """What is judged of a text at once; joined, the text."""
    return sentences(text) if unit == "sentence" else [text]


def threshold(scores: Sequence[float], share: float) -> float:
    """The lowest score that at most this share of the scores exceeds; ValueError without scores."""
    if not len(scores):
        raise ValueError("no clean data of dev countries are there to set the threshold by")
    return sorted(scores, reverse=True)[math.floor(share * len(scores))]


def _data(prompts: Iterable[str]) -> Iterator[str]:
    """The data of prompts that have any."""
    found = map(parts, prompts)
    return (each.data for each in found if each is not None)
