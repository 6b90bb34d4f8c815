"""Share of replies that are no language: cut off, repeating themselves, or torn characters.

1 if the model had to be stopped, if a run of one to four tokens comes three times in a row, if one
token makes up half of eight or more, or if the text holds U+FFFD (half a character); else 0. An
edit that destroys a model forgets everything, and shows here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from residue.measure.lines import Line, asked

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations",)
DECK = "facts"
TITLE = "Degenerate"
UNIT = "share of items"
TORN = "\ufffd"
LONGEST, TIMES = 4, 3
MANY = 8


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """1 or 0 per item."""
    said = records["generations"]
    ids = dict(zip(said["item"], said["ids"], strict=True))
    stop = dict(zip(said["item"], said["stop"], strict=True))

    def score(item: str, text: str) -> Line:
        cut = stop[item] == "length"
        return Line(item, float(cut or TORN in text or repeats(list(ids[item]))), 1.0)

    return asked(said, items, score)


def repeats(ids: list[int]) -> bool:
    """Whether tokens repeat as no sentence does."""
    for size in range(1, LONGEST + 1):
        for start in range(len(ids) - TIMES * size + 1):
            run = ids[start : start + size]
            if all(ids[start + k * size : start + (k + 1) * size] == run for k in range(TIMES)):
                return True
    return len(ids) >= MANY and 2 * max(map(ids.count, set(ids))) >= len(ids)
