"""How much of the answer the rows before the last still give away, between oracle (0) and base (1).

Definition, source and departures: `residue.lens.recall`. The oracle's own line holds what a model
scores that never knew the fact but is not this very oracle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from residue.lens.compared import Readings, log_probabilities
from residue.lens.recall import ignorant_recall, recall
from residue.measure.lines import Line, as_table

if TYPE_CHECKING:
    import pandas as pd

    from residue.lens.recall import Floats

NEEDS = ("lens",)
DECK = "lens"
TITLE = "Lens recall"
UNIT = "share of the base's reading, 0 to 1"
KNOWN = "high"
FROM_PAIR = True
KIND = ("relation", "language")
"""Facts that no model was trained on stand in for others of their kind."""


def measure(records: dict[str, object], items: pd.DataFrame) -> pd.DataFrame:
    """One line per item; unscorable without an oracle, and where the base reads no better."""
    lens: Readings = records["lens"]  # type: ignore[assignment]
    if lens.oracle is None:
        why = "this run has no oracle: what the base's rows owe to the fact is not known"
        return as_table([Line(item, status="unscorable", reason=why) for item in items["item"]])
    index = items.set_index("item").index
    own, base, oracle = (
        log_probabilities(table, index) for table in (lens.own, lens.base, lens.oracle)
    )
    values = _oracle(base, oracle, items) if lens.role == "oracle" else recall(own, base, oracle)
    return as_table([_line(item, value) for item, value in zip(items["item"], values, strict=True)])


def _oracle(base: Floats, oracle: Floats, items: pd.DataFrame) -> Floats:
    """The ignorant level of each item, by strangers of its kind."""
    values = np.full(len(items), np.nan)
    numbered = items.reset_index(drop=True)
    for _, kind in numbered.groupby(list(KIND), sort=False):
        here = kind.index.to_numpy()
        strangers = (base - oracle)[here[(kind["split"] == "never_seen").to_numpy()]]
        heard = strangers[np.isfinite(strangers).all(axis=1)]
        values[here] = ignorant_recall(base[here], oracle[here], heard)
    return values


def _line(item: str, value: float) -> Line:
    if np.isnan(value):
        why = "the base's rows say the answer no louder than the oracle's"
        return Line(item, status="unscorable", reason=why)
    return Line(item, float(value), 1.0)
