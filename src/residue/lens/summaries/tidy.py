"""Long tables: one line per thing found, with a reason wherever there is no number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from residue.lens.summaries.scan import UNRECORDED, Found, Words
from residue.lens.summaries.trajectories import KEY, RUN, Floats

MILESTONES = (*KEY, "milestone", "row", "reason")
QUANTITIES = (*KEY, "group", "quantity", "value", "word", "reason")
GUIDANCE = (
    "lens", *RUN, "reason", "quantity", "median", "passes", "threshold", "n_items", "n_triggered",
    "given",
)  # fmt: skip


def milestone_lines(keys: pd.DataFrame, found: Mapping[str, Found]) -> pd.DataFrame:
    """Columns `MILESTONES`; `row` is Int32, null where the milestone was not found."""
    parts = [
        keys.assign(milestone=name, row=_rows(each.row), reason=each.reason.astype(str))
        for name, each in found.items()
    ]
    return _joined(parts, MILESTONES)


def number_lines(
    keys: pd.DataFrame, group: str, values: Mapping[str, Floats], reason: str = UNRECORDED
) -> pd.DataFrame:
    """Columns `QUANTITIES`; `reason` is given where a number is missing."""
    parts = [
        keys.assign(
            group=group, quantity=name, value=np.asarray(each, dtype=np.float64), word="",
            reason=np.where(np.isnan(each), reason, ""),
        )
        for name, each in values.items()
    ]  # fmt: skip
    return _joined(parts, QUANTITIES)


def found_lines(keys: pd.DataFrame, group: str, found: Mapping[str, Found]) -> pd.DataFrame:
    """Rows as quantities, with their own reasons; columns `QUANTITIES`."""
    parts = [
        keys.assign(
            group=group, quantity=name, value=each.row, word="", reason=each.reason.astype(str)
        )
        for name, each in found.items()
    ]
    return _joined(parts, QUANTITIES)


def word_lines(
    keys: pd.DataFrame, group: str, words: Mapping[str, Words], reason: str = UNRECORDED
) -> pd.DataFrame:
    """Verdicts in words, e.g. a risk; columns `QUANTITIES`; an empty word has the reason."""
    parts = [
        keys.assign(
            group=group, quantity=name, value=np.nan, word=each.astype(str),
            reason=np.where(each == "", reason, ""),
        )
        for name, each in words.items()
    ]  # fmt: skip
    return _joined(parts, QUANTITIES)


def joined(parts: Iterable[pd.DataFrame], columns: Iterable[str] = QUANTITIES) -> pd.DataFrame:
    """Tables of one form as one, in their order."""
    return _joined(list(parts), tuple(columns))


def _joined(parts: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    names = list(columns)
    whole = [part[names] for part in parts if len(part)]
    return pd.concat(whole, ignore_index=True) if whole else pd.DataFrame(columns=names)


def _rows(values: Floats) -> pd.Series[int]:
    return pd.Series(pd.array(values, dtype="Float64")).astype("Int32")
