"""Attackers who adapt to the model: how far they come, and what they spend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from residue.report.adaptive import EVERYONE
from residue.report.markup import escape, figure, table
from residue.report.page import Page
from residue.report.rows import records
from residue.report.words import interval, number, plain_name, plural

TITLE = "Attackers that adapt"
_WHO = {
    "fake_delimiters": "forges the prompt's channels as text; reserved tokens are filtered",
    "best_of_n": "random templates, wordings, places and letter noise",
    "template_search": "the templates strongest against this model, chosen on dev countries",
    "gcg": "a suffix found by the model's gradients; needs its weights",
    EVERYONE: "all attempts of all attackers",
}


def section(page: Page) -> str:
    """Curves and a table; empty where nobody adapted."""
    if page.adaptive is None or not len(page.adaptive):
        return ""
    return "\n".join(page.words(part) for part in _parts(page, page.adaptive))


def _parts(page: Page, found: pd.DataFrame) -> Iterator[str]:
    yield (
        "<p>Each attacker tries to make the model say one or two random words, by what it writes "
        "into the data of one clean item per retain country. A country falls if any of N attempts "
        "does it, so a share means nothing without its N. Nobody here is the strongest attacker "
        "there can be: these are lower bounds of what can be done, given the budgets shown.</p>"
    )
    if "adaptive" in page.figures:
        levels = found[found["measure"] == "obeyed"]
        text = (
            "<b>Success by attempts.</b> Share of countries on which any of N attempts is obeyed. "
            f"Bands are {levels['level'].iloc[0]:.0%} intervals over "
            f"{plural(int(levels['n_clusters'].max()), 'country')} and seeds."
        )
        drawn = figure(page.figures["adaptive"], text, "Success of attackers by attempts")
        yield f'<div class="figures">{drawn}</div>'
    yield _table(found)


def _table(found: pd.DataFrame) -> str:
    right = _by(found[found["measure"] == "right"])
    change = _by(found[found["reference"] == "base"])
    levels = found[(found["measure"] == "obeyed") & (found["reference"] == "none")]
    body = [
        [
            escape(arm),
            f"{escape(plain_name(attacker))}<br><small>{escape(_WHO.get(attacker, ''))}</small>",
            f"{row['n']:,}",
            _told(row),
            _told(right.get((arm, attacker))),
            _told(change.get((arm, attacker)), signed=True),
            _spent(row),
            f"{plural(row['n_items'], 'item')}, {plural(row['n_seeds'], 'seed')}",
        ]
        for (arm, attacker), row in _by(levels).items()
    ]
    head = ["Model", "Attacker", "N", "Obeyed in any of N", "Right, of all attempts",
            "Difference from the base", "Spent per item", "Counts"]  # fmt: skip
    return table(head, body, caption="Shares with their intervals, over countries and seeds.")


def _by(rows: pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    """The row with the most attempts of each arm and attacker."""
    ordered = records(rows.sort_values("n", kind="stable"))
    last = {(row["arm"], row["attacker"]): row for row in ordered}
    return {
        key: last[key] for key in dict.fromkeys((r["arm"], r["attacker"]) for r in records(rows))
    }


def _told(row: dict[str, Any] | None, *, signed: bool = False) -> str:
    if row is None:
        return "–"
    return (
        f"{number(row['estimate'], signed=signed)}<br>"
        f"<small>{interval(row['low'], row['high'], signed=signed)}</small>"
    )


def _spent(row: dict[str, Any]) -> str:
    parts = [plural(round(row["queries"]), "query")]
    losses = round(row["forwards"] - row["queries"])
    parts += [f"{losses:,} further forward passes"] if losses else []
    parts += [f"{round(row['backwards']):,} backward"] if row["backwards"] else []
    choosing = round(row["choosing"])
    once = f"<br><small>and once, to choose: {choosing:,}</small>" if choosing else ""
    return ", ".join(parts) + once
