"""Exact numbers behind the per-language figure."""

from __future__ import annotations

import pandas as pd

from residue.report.markup import escape, table
from residue.report.page import Page
from residue.report.rows import records
from residue.report.words import interval, language_name, number

TITLE = "Per language"

_TABLES = (
    ("forget_by_language", "Facts to forget: share answered exactly. Lower is better."),
    ("retain_by_language", "Facts to keep: share answered exactly. Higher is better."),
)


def section(page: Page) -> str:
    """Two tables, languages by arms; a star marks the languages of the request."""
    intro = (
        "<p>Each cell: mean, interval below it. A star marks a language in which the edit was "
        "asked to forget; the others show whether the facts leak through another language.</p>"
    )
    parts = []
    for estimand, caption in _TABLES:
        mine = page.estimates[page.estimates["estimand"] == estimand]
        if len(mine):
            parts.append(_table(mine, page.requested, caption))
    return f"{intro}{''.join(parts)}" if parts else ""


def _table(estimates: pd.DataFrame, requested: tuple[str, ...], caption: str) -> str:
    cells: dict[tuple[str, str], str] = {}
    for row in records(estimates):
        arm = row["arm"] if row["condition"] == "plain" else f"{row['arm']} ({row['condition']})"
        code = row["slice"].rpartition("=")[2]
        cells[arm, code] = (
            f"{number(row['estimate'])}<br><small>{interval(row['low'], row['high'])}</small>"
        )
    arms = list(dict.fromkeys(arm for arm, _ in cells))
    codes = sorted(dict.fromkeys(code for _, code in cells), key=lambda code: code not in requested)
    rows = [
        [
            escape(language_name(code)) + (" ★" if code in requested else ""),
            *(cells.get((arm, code), "–") for arm in arms),
        ]
        for code in codes
    ]
    return table(["Language", *map(escape, arms)], rows, caption=escape(caption))
