"""Every estimate of the run: a row per estimand and slice, a column per model."""

from __future__ import annotations

from typing import Any

from residue.report.markup import escape, table
from residue.report.page import Page
from residue.report.rows import records
from residue.report.words import interval, number, plural, slice_name
from residue.specs.claims import RATIOS

TITLE = "Every estimate"


def section(page: Page) -> str:
    """One table, folded away; seeds, methods and notes of each cell are in the estimates file."""
    rows = records(page.estimates)
    if not rows:
        return ""
    models = list(dict.fromkeys((row["arm"], row["condition"]) for row in rows))
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["estimand"], row["slice"]), []).append(row)
    head = ["What", "Slice", "Against", "Counts", *(_model(model, rows) for model in models)]
    body = table(head, (_line(group, models, page) for group in groups.values()))
    intro = page.words(
        "<p>Levels and differences that the scorecard and the figures do not show, such as "
        "held-out wordings, facts that share an answer with a forgotten one, neighbours of "
        "forgotten countries and facts that no model ever saw.</p>"
    )
    return f"{intro}<details><summary>{plural(len(rows), 'estimate')}</summary>{body}</details>"


def _model(model: tuple[str, str], rows: list[dict[str, Any]]) -> str:
    arm, condition = model
    seeds = max(row["n_seeds"] for row in rows if (row["arm"], row["condition"]) == model)
    more = "" if condition == "plain" else f"{condition}, "
    return f"{escape(arm)}<br><small>{escape(more)}{plural(seeds, 'seed')}</small>"


def _line(group: list[dict[str, Any]], models: list[tuple[str, str]], page: Page) -> list[str]:
    first = group[0]
    spec = page.estimands.get(first["estimand"])
    title, _ = page.metrics.get(first["metric"], (first["metric"].replace("_", " "), ""))
    what = page.words(spec.title if spec else "") or first["estimand"].replace("_", " ")
    notes = dict.fromkeys(row["note"] for row in group if row["estimate"] != row["estimate"])
    missing = f"<br><small>Not estimated: {escape('; '.join(notes))}.</small>" if notes else ""
    cells = {(row["arm"], row["condition"]): _cell(row) for row in group}
    return [
        f'<div class="long">{escape(what)}<br><small>{escape(title)}</small>{missing}</div>',
        escape(slice_name(first["slice"])) or "all",
        "–" if first["reference"] == "none" else escape(first["reference"]),
        _counts(group, page.unit_of(first["estimand"])),
        *(cells.get(model, "–") for model in models),
    ]


def _counts(group: list[dict[str, Any]], unit: str) -> str:
    items = max(row["n_items"] for row in group)
    clusters = max(row["n_clusters"] for row in group)
    return f"{plural(items, 'item')}<br><small>{escape(plural(clusters, unit))}</small>"


def _cell(row: dict[str, Any]) -> str:
    if row["estimate"] != row["estimate"]:
        return "–"
    signed = row["reference"] != "none" and row["statistic"] not in RATIOS
    span = interval(row["low"], row["high"], signed=signed)
    return f"{number(row['estimate'], signed=signed)}<br><small>{span}</small>"
