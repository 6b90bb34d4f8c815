"""What an answer loses in the base when rows of the arm take the place of the base's own.

Mean over rows 1 … n of S2 (see `residue.lens.patched_depth`), nats per token: the part of a depth
that needs no oracle. On the oracle it is S1; on facts that the oracle knows it is how far the
oracle's rows have drifted from the base's, and depths say little where that is as much as on forget
facts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from residue.measure.lines import Line, as_table

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("patching",)
DECK = "facts"
TITLE = "What the answer loses when rows are patched into the base"
UNIT = "nats per token"
KNOWN = "low"
FROM_PAIR = True


def measure(records: dict[str, object], items: pd.DataFrame) -> pd.DataFrame:
    """The mean loss of every patched item; whether the oracle lacks the fact plays no part."""
    table: pd.DataFrame = records["patching"]  # type: ignore[assignment]
    lost = table.groupby("item")["s2"].mean()
    first = table.drop_duplicates("item").set_index("item")
    lines = []
    for item in items["item"]:
        if item not in first.index:
            continue
        line = first.loc[item]
        if line["status"] == "failed" or line["n_tokens"] == 0:
            lines.append(Line(item, status=line["status"], reason=line["reason"]))
        else:
            lines.append(Line(item, float(lost[item]), 1.0))
    return as_table(lines)
