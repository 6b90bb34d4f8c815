"""First row at which the answer's first token is the most likely one: where in depth it appears.

Each row of the last prompt token goes through the model's own final norm and head (the logit lens
of the final norm). Row 0, the embeddings, is left out: there a token can only repeat itself. An
answer that comes first in no row has no value and is unscorable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from residue.measure.lines import Line, as_table

if TYPE_CHECKING:
    import pandas as pd

    from residue.models.head import Head
    from residue.records.store import RowsFile

NEEDS = ("rows", "head", "tokens")
DECK = "facts"
TITLE = "First row with the answer at rank 1"
UNIT = "row"
NEVER = "the answer comes first in no row"


def measure(records: dict[str, object], items: pd.DataFrame) -> pd.DataFrame:
    """The first row from 1 on, per item; items without a forced answer are unscorable."""
    rows: RowsFile = records["rows"]  # type: ignore[assignment]
    head: Head = records["head"]  # type: ignore[assignment]
    wanted = _first_tokens(records["tokens"])  # type: ignore[arg-type]
    first: dict[str, int] = {}
    recorded: set[str] = set()
    for row in (number for number in rows.numbers if number):
        names, vectors = rows.read(row, "last")
        recorded.update(names)
        chosen = head.logits(vectors).argmax(axis=-1)
        for name, token in zip(names, chosen, strict=True):
            if wanted.get(name) == token:
                first.setdefault(name, row)
    return as_table([_line(name, first, recorded, wanted) for name in items["item"]])


def _first_tokens(tokens: pd.DataFrame) -> dict[str, int]:
    """Id of the first token of each forced answer, by item."""
    asked = tokens[(tokens["part"] == "answer") & (tokens["position"] == 0)]
    return dict(zip(asked["item"], asked["id"].astype(np.int64), strict=True))


def _line(name: str, first: dict[str, int], recorded: set[str], wanted: dict[str, int]) -> Line:
    if name in first:
        return Line(name, float(first[name]), 1.0)
    if name not in recorded:
        return Line(name, status="failed", reason="the item's rows were not recorded")
    if name not in wanted:
        return Line(name, status="unscorable", reason="no accepted answer")
    return Line(name, status="unscorable", reason=NEVER)
