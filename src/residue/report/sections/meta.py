"""Which metrics can be fooled: metrics by liars, then how far each can be trusted."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from residue.report.markup import escape, table
from residue.report.page import Page
from residue.report.rows import records
from residue.report.words import interval, number, plural
from residue.specs.meta import FEWEST_RANKED

TITLE = "Which metrics can be fooled"

_MARKS = {"caught": "✓ caught", "fooled": "✗ fooled", "undecided": "? undecided"}
_RANKED = {"faithful": "faithfulness", "robust": "robustness", "overall": "all of it"}
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
        [
            f'<div class="brief">{escape(title)}</div>',
            *(cells.get((metric, arm), "–") for arm in names),
        ]
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
        [
            f'<div class="brief">{escape(title)}</div>',
            *(f'<div class="brief">{_trusted(mine, question)}</div>' for question in _TRUST),
        ]
        for title, mine in meta[meta["question"].isin(list(_TRUST))].groupby("title", sort=False)
    ]
    return intro + table(["Metric", *_TRUST.values()], rows, stacked=True)


def _trusted(mine: pd.DataFrame, question: str) -> str:
    lines = records(mine[mine["question"] == question])
    known = [row for row in lines if not math.isnan(row["estimate"])]
    if not known:
        note = next((row["note"] for row in lines if row["note"]), "–")
        return f"<small>{escape(note)}</small>"
    return "<br>".join(_line(row) for row in known)


def _line(row: dict[str, Any]) -> str:
    ends = interval(row["low"], row["high"]) if math.isfinite(row["low"]) else ""
    where = f"{row['arm']}, {row['condition'].replace('_', ' ')}" if row["arm"] else ""
    told = f"{number(row['estimate'])} <small>{escape(ends)}</small>"
    beside = "; ".join(filter(None, (where, row["note"])))
    return f"{told}<br><small>{escape(beside)}</small>" if beside else told


def _published(rows: pd.DataFrame) -> str:
    if not len(rows):
        return ""
    told = [
        [
            escape(row["arm"]),
            _RANKED[row["metric"]],
            plural(row["n_items"], "metric"),
            f'<div class="long">{_agreement(row)}</div>',
        ]
        for row in records(rows)
    ]
    ranked = int(rows["estimate"].notna().sum())
    intro = (
        "<p>Others have ranked metrics too. Spearman’s correlation says whether this run puts them "
        f"in the same order. With fewer than {FEWEST_RANKED} metrics in common it would say "
        f"nothing and is left out: {ranked or 'none'} of {plural(len(rows), 'comparison')} could "
        "be made with the metrics of this run.</p>"
    )
    head = ["Published table", "Ranked by", "In common", "Rank correlation with this run"]
    return f"<h3>Beside published rankings</h3>{intro}{table(head, told, stacked=True)}"


def _agreement(row: dict[str, Any]) -> str:
    if math.isnan(row["estimate"]):
        return f"not compared: {escape(row['note'])}"
    note = f"<br><small>{escape(row['note'])}</small>" if row["note"] else ""
    ends = interval(row["low"], row["high"], signed=True)
    return f"{number(row['estimate'], signed=True)} <small>{ends}</small>{note}"
