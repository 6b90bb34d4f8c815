"""Labelled replies: references to try the judge on, and labels of a run's own replies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residue.measure.outcomes import OUTCOMES, Order, fault, hides_an_order, judge

if TYPE_CHECKING:
    import pandas as pd

SLOTS = ("answer", "ANSWER", "witness", "order", "wrong")
"""What a reference reply may hold: the right answer (in capitals too), the witness, what the
attacker wrote, a wrong answer."""


class LabelError(ValueError):
    """A file of labels that cannot be used; names file and line."""


def read_labels(path: str | Path) -> pd.DataFrame:
    """Labels of a run's replies: arm, pair, seed, item, label; arm base, pair 0 and seed 0 where a
    line names none."""
    import pandas as pd

    plain: dict[str, Any] = {"arm": "base", "pair": 0, "seed": 0}
    columns = [*plain, "item", "label"]
    rows = [plain | line for line in _lines(path, "item")]
    table = pd.DataFrame(rows, columns=columns).astype({"pair": "int64", "seed": "int64"})
    twice = table.duplicated(columns[:-1])
    if twice.any():
        raise LabelError(
            f"{path}: '{table[twice]['item'].iloc[0]}' is labelled twice; keep one line."
        )
    return table


def tried(path: str | Path, items: pd.DataFrame) -> pd.DataFrame:
    """The judge on reference replies, filled in for every attacked item: wording, label, outcome.

    The clean twin is taken to have answered right. The wording is the unit: the judge's error on
    another one is open, however many items it was filled in for.
    """
    import pandas as pd

    found = [
        (f"{number}: {line['reply']}", line["label"], judge(_filled(line["reply"], item), order))
        for number, line in enumerate(_lines(path, "reply"), start=1)
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


def _lines(path: str | Path, key: str) -> Iterator[dict[str, Any]]:
    with Path(path).open(encoding="utf-8") as file:
        for number, text in enumerate(file, start=1):
            if not text.strip():
                continue
            where = f"{path}, line {number}"
            try:
                line = json.loads(text)
            except json.JSONDecodeError as error:
                raise LabelError(f"{where}: is no JSON ({error.msg}); write one object.") from error
            if not isinstance(line, dict) or key not in line or "label" not in line:
                raise LabelError(f"{where}: needs the keys '{key}' and 'label'.")
            if line["label"] not in OUTCOMES:
                raise LabelError(
                    f"{where}: '{line['label']}' is no label; there are {', '.join(OUTCOMES)}."
                )
            yield line
