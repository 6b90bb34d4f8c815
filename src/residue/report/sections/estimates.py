"""Every estimate of the run, grouped by estimand."""

from __future__ import annotations

from html import escape
from typing import Any

from residue.report.markup import table
from residue.report.page import Page
from residue.report.rows import records
from residue.report.words import interval, number, plural, slice_name

TITLE = "Every estimate"


def section(page: Page) -> str:
    """One table, folded away: each row with its interval, counts, reference and seeds."""
    rows = records(page.estimates)
    head = ("Estimand", "Model", "Slice", "Estimate", "Interval", "Against", "Items", "Resampled",
            "Seeds", "Each seed", "Method", "Note")  # fmt: skip
    body = table(head, (_row(row, page) for row in rows))
    count = plural(len(rows), "estimate")
    return (
        "<p>Levels and differences that the scorecard and the figures do not show, such as "
        "held-out templates, facts that share an answer with a forgotten one, neighbours of "
        "forgotten countries and facts that no model ever saw.</p>"
        f"<details><summary>{count}</summary>{body}</details>"
    )


def _row(row: dict[str, Any], page: Page) -> list[str]:
    spec = page.estimands.get(row["estimand"])
    signed = row["reference"] != "none" and row["statistic"] != "perplexity"
    title, _ = page.metrics.get(row["metric"], (row["metric"].replace("_", " "), ""))
    what = (spec.title if spec else "") or row["estimand"].replace("_", " ")
    arm = row["arm"] if row["condition"] == "plain" else f"{row['arm']} ({row['condition']})"
    return [
        f"{escape(what)}<br><small>{escape(title)}</small>",
        escape(arm),
        escape(slice_name(row["slice"])) or "all",
        number(row["estimate"], signed=signed),
        interval(row["low"], row["high"], signed=signed),
        escape(row["reference"]),
        f"{row['n_items']:,}",
        escape(plural(row["n_clusters"], spec.unit if spec else "unit")),
        str(row["n_seeds"]),
        ", ".join(number(float(value), signed=signed) for value in row["seed_values"]),
        escape(row["method"]),
        escape(row["note"]),
    ]
