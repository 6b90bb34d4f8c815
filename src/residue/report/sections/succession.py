"""Edits asked to forget in parts: the figure, then every number behind it."""

from __future__ import annotations

from typing import Any

from residue.report.captions import succession as caption
from residue.report.markup import escape, table
from residue.report.page import Page
from residue.report.rows import records
from residue.report.words import interval, number, plural

TITLE = "Request after request"

_ASKED = {
    "not_asked": "not asked for",
    "retain_touched": "to be kept, in the edit's retain data",
    "retain_untouched": "to be kept, outside of it",
}


def section(page: Page) -> str:
    """Figure and table; empty where nothing is asked in parts."""
    if page.succession is None or not len(page.succession):
        return ""
    rows = records(page.succession)
    intro = page.words(
        "<p>The countries to forget are dealt into parts. Some edits are asked for one part, more, "
        "or all of them at once; others for one after the other, each on the model that the last "
        "one left. A request that one edit had granted and the next undid would rise again; "
        "countries that nobody asked for should stay where the base has them.</p>"
    )
    drawn = page.drawn("succession", TITLE, caption(page.succession))
    head = ["Model", "Requests", "Facts", "Against", "Value", "Counts"]
    body = table(head, (_line(row, page) for row in rows))
    told = f"<details><summary>{plural(len(rows), 'number')}</summary>{body}</details>"
    return intro + drawn + told


def _line(row: dict[str, Any], page: Page) -> list[str]:
    asked = str(row["asked"])
    nth = asked.removeprefix("request_")
    facts = _ASKED.get(asked, f"asked for in request {nth}")
    against = "" if row["reference"] == "none" else f"minus the {row['reference']}"
    if row["estimate"] != row["estimate"]:
        value = f"– <br><small>{escape(row['note'])}</small>"
    else:
        signed = row["reference"] != "none"
        span = interval(row["low"], row["high"], signed=signed)
        value = f"{number(row['estimate'], signed=signed)}<br><small>{span}</small>"
    counts = (
        f"{plural(row['n_items'], 'item')}<br><small>{escape(plural(row['n_clusters'], page.unit))}"
        f", {plural(row['n_seeds'], 'seed')}</small>"
    )
    share = f"{row['n_requests']}<br><small>{row['share_asked']:.0%} asked for</small>"
    return [escape(row["arm"]), share, escape(facts), escape(against), value, counts]
