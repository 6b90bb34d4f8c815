"""The scorecard as plain text, for the end of a run."""

from __future__ import annotations

from typing import Any

import pandas as pd

from residue.core.text import shown
from residue.report.rows import records
from residue.report.words import MARKS, attainable, interval, is_difference, margin, number

_HEAD = ("arm", "claim", "verdict", "difference", "margin", "attainable",
         "countries×seeds")  # fmt: skip
_LONGEST_NAME = 32


def scorecard_text(claims: pd.DataFrame) -> str:
    """Claims as an aligned table of at most 100 columns: one line per arm, condition and claim.

    ``attainable`` is the margin above which the claim would be supported if no country differed at
    all.
    """
    rows: list[tuple[str, ...]] = [_HEAD] + [_line(row) for row in records(claims)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(_HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    arm = str(row["arm"])
    signed = is_difference(str(row["kind"]), str(row["statistic"]))
    headline = row["role"] == "headline"
    if row["condition"] != "plain":
        arm += f" ({row['condition']})"
    return (
        shown(arm, _LONGEST_NAME),
        shown(row["claim"], _LONGEST_NAME),
        f"{MARKS[str(row['verdict'])]} {row['verdict']}",
        "all parts together"
        if headline
        else f"{number(row['estimate'], signed=signed)} "
        + interval(row["low"], row["high"], signed=signed),
        "–" if headline else margin(row["margin"], str(row["kind"]), str(row["statistic"])),
        attainable(row["attainable"]),
        f"{row['n_clusters']}×{row['n_seeds']}",
    )
