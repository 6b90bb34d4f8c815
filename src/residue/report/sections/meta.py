"""Which metrics can be fooled: metrics by liars, then how far each can be trusted."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from residue.report.markup import escape, table
from residue.report.page import Page
from residue.report.rows import records
from residue.report.words import interval, number, plural

TITLE = "Which metrics can be fooled"

_MARKS = {"caught": "✓ caught", "fooled": "✗ fooled", "undecided": "? undecided"}
_RANKED = {"faithful": "faithfulness", "robust": "robustness", "overall": "overall"}
_TRUST = {
    "faithful": "Tells bases from oracles (AUC)",
    "relearning": "Relearning (R)",
    "quantising": "Quantising (Q)",
    "overall": "Overall",
}


def section(page: Page) -> str:
    """The matrix of metrics and liars, the table of trust, and others' rankings beside it."""
    if page.meta is None or not len(page.meta):
        return ""
    meta = page.meta
    parts = [_matrix(meta[meta["question"].isin(["liar", "edit"])], page), _trust(meta)]
    return "".join([*filter(None, parts), _published(meta[meta["question"] == "published"])])


def _matrix(shares: pd.DataFrame, page: Page) -> str:
    if not len(shares):
        return ""
    intro = page.words(
        "<p>Each cell says where on the way from the oracle (0) to the base (1) a metric puts a "
        "model, with its interval over countries and seeds. Liars are bases whose answers are "
        "hidden, or that were ruined: none of them is a model that never knew. A metric that puts "
        "one near 0 is <b>fooled</b> by it. Edits in earnest stand beside them without a verdict: "
        "of them the truth is what this page is about.</p>"
    )
    order = {"liar": 0, "edit": 1}
    arms = shares.assign(place=shares["question"].map(order)).sort_values("place", kind="stable")
    names = list(dict.fromkeys(arms["arm"]))
    cells = {(row["metric"], row["arm"]): _share(row) for row in records(shares)}
    titles = dict(zip(shares["metric"], shares["title"], strict=True))
    rows = [
        [escape(title), *(cells.get((metric, arm), "–") for arm in names)]
        for metric, title in titles.items()
    ]
    return intro + table(["Metric", *map(escape, names)], rows)


def _share(row: dict[str, Any]) -> str:
    if math.isnan(row["estimate"]):
        return f"<small>{escape(row['note'])}</small>"
    mark = f"<b>{_MARKS[row['verdict']]}</b><br>" if row["verdict"] else ""
    return f"{mark}{number(row['estimate'])}<br><small>{interval(row['low'], row['high'])}</small>"


def _trust(meta: pd.DataFrame) -> str:
    models = int(meta.loc[meta["question"] == "faithful", "n_models"].max())
    intro = (
        "<p>How far each metric can be trusted, as OpenUnlearning defines it: whether it tells "
        f"models that know from models that never knew (here {plural(models, 'model')}), and "
        "whether a gain after relearning or quantising is one that a model that never knew shows "
        "too (1: the attack uncovers nothing that the metric had missed). Overall is the harmonic "
        "mean of all.</p>"
    )
    rows = [
        [escape(title), *(_trusted(mine, question) for question in _TRUST)]
        for title, mine in meta[meta["question"].isin(list(_TRUST))].groupby("title", sort=False)
    ]
    return intro + table(["Metric", *_TRUST.values()], rows)


def _trusted(mine: pd.DataFrame, question: str) -> str:
    lines = records(mine[mine["question"] == question])
    known = [row for row in lines if not math.isnan(row["estimate"])]
    if not known:
        note = next((row["note"] for row in lines if row["note"]), "–")
        return f"<small>{escape(note)}</small>"
    return "<br>".join(_line(row) for row in known)


def _line(row: dict[str, Any]) -> str:
    where = f"{row['arm']}, {row['condition'].replace('_', ' ')}: " if row["arm"] else ""
    ends = f" {interval(row['low'], row['high'])}" if math.isfinite(row["low"]) else ""
    note = f"; {row['note']}" if row["note"] else ""
    return (
        f"{number(row['estimate'])}<small>{escape(ends)} {escape(where)[:-2]}{escape(note)}</small>"
    )


def _published(rows: pd.DataFrame) -> str:
    if not len(rows):
        return ""
    told = [
        [
            escape(row["arm"]),
            escape(
                {"faithful": "faithfulness", "robust": "robustness"}.get(row["metric"], "overall")
            ),
            plural(row["n_items"], "metric"),
            escape(row["note"])
            if math.isnan(row["estimate"])
            else f"{number(row['estimate'])} <small>{interval(row['low'], row['high'])}</small>",
        ]
        for row in records(rows)
    ]
    head = ["Published table", "Ranked by", "In common", "Spearman's correlation with this run"]
    body = table(head, told)
    return f"<details><summary>Beside published rankings of metrics</summary>{body}</details>"
