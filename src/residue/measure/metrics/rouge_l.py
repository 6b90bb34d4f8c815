"""How much of the accepted answer the reply holds, in order: ROUGE-L recall over words.

Longest common subsequence of the reply's and the answer's words, over the answer's words (Lin
2004); words are runs of letters, marks and digits, NFC and case folded, so that scripts without
Latin letters have words too. The best of the accepted answers counts. Unlike `exact_answer`, it
counts a reply that holds the answer among other words.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from residue.measure.answers import accepted, normalise
from residue.measure.lines import Line, asked

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations",)
DECK = "facts"
TITLE = "ROUGE-L recall"
UNIT = "share of words"
KNOWN = "high"


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """A value in [0, 1] per item; items without accepted answers are unscorable."""
    wanted, missing = accepted(items)

    def score(item: str, text: str) -> Line:
        answers = [split for each in wanted[item] if (split := words(each))]
        if item in missing or not answers:
            reason = missing.get(item, "the accepted answers have no words")
            return Line(item, status="unscorable", reason=reason)
        said = words(text)
        return Line(item, max(common(said, each) / len(each) for each in answers), 1.0)

    return asked(records["generations"], items, score)


def words(text: str) -> list[str]:
    """Runs of letters, marks and digits of the normalised text."""
    kept = (c if unicodedata.category(c)[0] in "LMN" else " " for c in normalise(text))
    return "".join(kept).split()


def common(said: list[str], wanted: list[str]) -> int:
    """Length of the longest common subsequence."""
    best = [0] * (len(wanted) + 1)
    for word in said:
        before = best.copy()
        for place, each in enumerate(wanted, start=1):
            best[place] = (
                before[place - 1] + 1 if word == each else max(before[place], best[place - 1])
            )
    return best[-1]
