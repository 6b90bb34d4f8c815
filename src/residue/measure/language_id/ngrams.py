"""Which of several languages a text in one script is in: a small model of trigrams per class.

P(c | a b) is interpolated over orders 2, 1, 0 by Witten and Bell (1991): with n_h the times a
context h was seen and t_h the kinds of letters after it, the weight of what was seen is
n_h / (n_h + t_h). Words are read one by one between spaces, case folded, letters and marks only.
Classes are taken for equally likely beforehand.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ORDER = 2
EDGE = " "


@dataclass(frozen=True)
class NgramModel:
    """Counts per class: context (of 0 … 2 letters) → following letter → times seen."""

    counts: Mapping[str, Mapping[str, Mapping[str, int]]]

    def posterior(self, text: str) -> dict[str, float]:
        """Probability of each class given the text; uniform for a text without letters."""
        logs = {name: self._log_probability(name, text) for name in self.counts}
        top = max(logs.values())
        odds = {name: math.exp(value - top) for name, value in logs.items()}
        total = sum(odds.values())
        return {name: value / total for name, value in odds.items()}

    def _log_probability(self, name: str, text: str) -> float:
        tables = self.counts[name]
        letters = max(len(tables.get("", {})), 1) + 1  # and one that was never seen
        total = 0.0
        for word in words(text):
            for place in range(1, len(word)):
                p = 1.0 / letters
                for size in range(ORDER + 1):
                    seen = tables.get(word[max(place - size, 0) : place]) if size <= place else None
                    if seen:
                        n = sum(seen.values())
                        p = (seen.get(word[place], 0) + len(seen) * p) / (n + len(seen))
                total += math.log(p)
        return total


def train(texts: Mapping[str, Iterable[str]]) -> NgramModel:
    """Count the texts of each class. ValueError for a class without any letters."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for name, lines in texts.items():
        tables = counts.setdefault(name, {})
        for line in lines:
            for word in words(line):
                for place in range(1, len(word)):
                    for size in range(min(ORDER, place) + 1):
                        seen = tables.setdefault(word[place - size : place], {})
                        seen[word[place]] = seen.get(word[place], 0) + 1
        if not tables:
            raise ValueError(f"the class '{name}' has no letters to learn from")
    return NgramModel(counts)


def words(text: str) -> list[str]:
    """Words between edges, e.g. ` delhi `: runs of letters and marks, NFC, case folded."""
    folded = unicodedata.normalize("NFC", text.casefold())
    kept = "".join(c if unicodedata.category(c)[0] in "LM" else " " for c in folded)
    return [f"{EDGE}{word}{EDGE}" for word in kept.split()]
