"""A detector that knows words and nothing else: ridge regression of ±1 on word counts.

x ↦ w·(x − x̄) with w = (XᵀX + λI)⁻¹Xᵀy on centred columns. What it tells apart can be told without
any notion of an order.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PENALTY = 1.0
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class BagOfWords:
    """A weight for each word; a text's score is their sum over its words, less an offset."""

    weights: Mapping[str, float]
    """By word; one that is not there counts for nothing."""
    offset: float
    """The score of the mean training text before centring."""

    def score(self, text: str) -> float:
        """Above 0 speaks for an attack. Texts of the same words in any order score the same."""
        return math.fsum(self.weights.get(word, 0.0) for word in words(text)) - self.offset


def bag_of_words(attacked: Sequence[str], clean: Sequence[str]) -> BagOfWords:
    """The detector fitted on texts of both kinds."""
    import numpy as np

    texts = [*attacked, *clean]
    place = {
        word: number for number, word in enumerate(sorted({w for t in texts for w in words(t)}))
    }
    counts = np.stack([_counts(text, place) for text in texts])
    side = np.concatenate([np.ones(len(attacked)), -np.ones(len(clean))])
    mean = counts.mean(axis=0)
    centred = counts - mean
    gram = centred.T @ centred + _PENALTY * np.eye(len(place))
    weights = np.linalg.solve(gram, centred.T @ (side - side.mean()))
    return BagOfWords(dict(zip(place, weights.tolist(), strict=True)), float(mean @ weights))


def words(text: str) -> list[str]:
    """Words and marks of a text, without case."""
    return _WORD.findall(text.casefold())


def _counts(text: str, place: Mapping[str, int]) -> NDArray[np.float64]:
    import numpy as np

    found = np.zeros(len(place))
    for word in words(text):
        found[place[word]] += 1.0
    return found
