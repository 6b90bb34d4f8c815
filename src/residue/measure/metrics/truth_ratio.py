"""How likely wrong answers are beside the right one: ½ where the model no longer tells them apart.

w / (w + r) with r the right answer's probability per token and w the geometric mean of those of the
recorded wrong answers (`records.distractors`), under teacher forcing: the bounded form of TOFU's
truth ratio R = w / r (Maini et al. 2024, eq. 1), growing with it, so that a distance between two
models' values (estimand statistic `ks`) is that of R, open-unlearning's forget quality.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from residue.measure.lines import Answer, Line, asked, forced_answers

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations", "tokens")
DECK = "facts"
TITLE = "Truth ratio"
UNIT = "share of the wrong answers"
KNOWN = "low"
NONE = "no wrong answers were recorded; set records.distractors"


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """A value in [0, 1] per item; items without a right or a wrong answer are unscorable."""
    made = ratios(records["tokens"])

    def score(item: str, _: str) -> Line:
        if item not in made:
            return Line(item, status="unscorable", reason=NONE)
        ratio = made[item]
        return Line(item, float(1.0 / (1.0 + np.exp(-ratio))), 1.0)

    return asked(records["generations"], items, score)


def ratios(tokens: pd.DataFrame) -> dict[str, float]:
    """log R of each item that has a right and a wrong answer."""
    right = forced_answers(tokens)
    wrong: dict[str, list[Answer]] = {}
    for part in tokens["part"].unique():
        if part.startswith("distractor-"):
            for item, answer in forced_answers(tokens, part).items():
                wrong.setdefault(item, []).append(answer)
    return {
        item: float(np.mean([each.logp.mean() for each in others]) - right[item].logp.mean())
        for item, others in wrong.items()
        if item in right
    }
