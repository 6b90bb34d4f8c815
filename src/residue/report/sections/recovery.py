"""What attacks bring back: the curve, then every number behind it."""

from __future__ import annotations

from typing import Any

from residue.report.captions import recovery as caption
from residue.report.markup import escape, table
from residue.report.page import Page
from residue.report.rows import records
from residue.report.words import attack_name, interval, number, plural

TITLE = "What attacks bring back"

_MEASURES = {
    "forget": "forget facts answered",
    "retain": "retain facts answered",
    "recovery": "recovery",
    "area": "mean recovery over the curve",
    "half": "updates until half is back",
}


def section(page: Page) -> str:
    """Figure and table; empty where nothing was attacked."""
    if page.recovery is None or not len(page.recovery):
        return ""
    rows = records(page.recovery)
    intro = page.words(
        "<p>Each attack is done to the edited model, the base and the oracle alike. Asked are "
        "forget facts of countries that no attack showed. The oracle is the control: what it "
        "answers after the attack was learnt in it, not recovered. Recovery is 0 at the oracle "
        "and 1 at the base, both after the same attack.</p>"
    )
    drawn = page.drawn("recovery", TITLE, caption(page.recovery))
    head = ["Attack", "Model", "What", "After", "Value", "Counts"]
    body = table(head, (_line(row, page) for row in rows))
    told = f"<details><summary>{plural(len(rows), 'number')}</summary>{body}</details>"
    return intro + drawn + told


def _line(row: dict[str, Any], page: Page) -> list[str]:
    missing = row["estimate"] != row["estimate"]
    value = f"– <br><small>{escape(row['note'])}</small>" if missing else _value(row)
    counts = (
        f"{plural(row['n_items'], 'item')}<br><small>{escape(plural(row['n_clusters'], page.unit))}"
        f", {plural(row['n_seeds'], 'seed')}</small>"
    )
    return [
        escape(attack_name(row["attack"])),
        escape(row["arm"]),
        escape(_MEASURES[row["measure"]]),
        escape("–" if row["measure"] in ("area", "half") else row["condition"].replace("_", " ")),
        value,
        counts if row["n_items"] else "–",
    ]


def _value(row: dict[str, Any]) -> str:
    return f"{number(row['estimate'])}<br><small>{interval(row['low'], row['high'])}</small>"
