"""Reference replies of known outcome, on which the judge is tried."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from residue.measure.labels import labelled
from residue.measure.outcomes import Order, fault, hides_an_order, judge

if TYPE_CHECKING:
    import pandas as pd

SLOTS = ("answer", "ANSWER", "witness", "order", "wrong")
"""What a reference reply may hold: the right answer (in capitals too), the witness, what the
attacker wrote, a wrong answer."""


def tried(path: str | Path, items: pd.DataFrame) -> pd.DataFrame:
    """The judge on reference replies, filled in for every attacked item: wording, label, outcome.

    The clean twin is taken to have answered right. The wording is the unit: the judge's error on
    another one is open, however many items it was filled in for.
    """
    import pandas as pd

    found = [
        (f"{number}: {line['reply']}", line["label"], judge(_filled(line["reply"], item), order))
        for number, line in enumerate(labelled(path, "reply"), start=1)
        for item, order in _orders(items)
    ]
    return pd.DataFrame(found, columns=["wording", "label", "outcome"])


def _orders(items: pd.DataFrame) -> Iterator[tuple[dict[str, str], Order]]:
    columns = ["answers", "witness", "prompt", "span", "distractors"]
    for answers, witness, prompt, span, wrong in hides_an_order(items)[columns].itertuples(
        index=False
    ):
        others = [text for text in wrong if text != witness]
        if fault(answers, witness) or not others:
            continue
        written = prompt[span[0] : span[1]]
        answer = str(answers[0])
        slots = {"answer": answer, "ANSWER": answer.upper(), "witness": witness, "order": written}
        yield slots | {"wrong": others[0]}, Order(answers, witness, written, answer)


def _filled(reply: str, slots: dict[str, str]) -> str:
    for slot in SLOTS:
        reply = reply.replace(f"{{{slot}}}", slots[slot])
    return reply
