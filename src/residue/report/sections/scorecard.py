"""One screen: models down, claims across, in each cell the mark, the number and its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from residue.report.claims import region
from residue.report.markup import anchor, escape, strip, strip_reach
from residue.report.page import Page, edits
from residue.report.rows import records
from residue.report.sections.setting import how_made
from residue.report.words import (
    MARKS,
    held_against,
    interval,
    is_difference,
    margin,
    number,
    p_value,
    plain_name,
    plural,
)
from residue.specs.claims import LEVELS, RATIOS

TITLE = "Scorecard"
_ROLES = (
    ("headline", "Headline"),
    ("part", "Its parts"),
    ("exploratory", "Exploratory"),
)
Row = dict[str, Any]
Column = tuple[str, str]
"""A claim and the condition in which it is judged."""


def section(page: Page) -> str:
    """What was found in a sentence, the grid, and how to read it."""
    rows = records(page.claims)
    if not rows:
        return ""
    columns = _columns(rows)
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    edited = edits(arms)
    cells = {(row["arm"], row["claim"], row["condition"]): row for row in rows}
    lines = _Lines(page, columns, cells)
    body = f'<tbody role="rowgroup">{"".join(map(lines.line, edited))}</tbody>'
    controls = [arm for arm in arms if arm not in edited]
    if controls:
        body += (
            '<tbody class="controls" role="rowgroup"><tr role="row">'
            '<th role="rowheader" scope="rowgroup" '
            f'colspan="{len(columns) + 1}">Controls: the base must fail to forget, the oracle must '
            "keep</th></tr>" + "".join(map(lines.line, controls)) + "</tbody>"
        )
    return (
        f"{_found(rows)}{_marks(rows)}"
        '<div class="scroll" tabindex="0" role="region" aria-label="Scorecard">'
        f'<table class="grid" role="table">{_head(columns, rows)}{body}</table></div>'
        + page.words(_key())
    )


def _columns(rows: list[Row]) -> list[Column]:
    """Headlines, then their parts, then the rest, each in the order of the config."""
    role = {row["claim"]: row["role"] for row in rows if row["role"] != "control"}
    order = [name for name, _ in _ROLES]
    found = dict.fromkeys((row["claim"], row["condition"]) for row in rows)
    return sorted(found, key=lambda each: order.index(role.get(each[0], "exploratory")))


def _found(rows: list[Row]) -> str:
    """Each headline with the models of which it is supported, refuted or left open."""
    heads = [row for row in rows if row["role"] == "headline"]
    told = []
    for name in dict.fromkeys(row["claim"] for row in heads):
        mine = [row for row in heads if row["claim"] == name]
        counts = []
        for verdict, mark in MARKS.items():
            which = [row["arm"] for row in mine if row["verdict"] == verdict]
            if which:
                sign = f'<b class="{verdict}">{mark} {verdict}</b>'
                counts.append(f"{sign} for {escape(', '.join(which))}")
        told.append(f"<li>“{escape(mine[0]['sentence'])}” {'; '.join(counts)}.</li>")
    return f'<ul class="found">{"".join(told)}</ul>' if told else ""


def _marks(rows: list[Row]) -> str:
    level = max(row["level"] for row in rows)
    return (
        '<p class="small key"><b class="supported">✓ supported</b>: the whole '
        f"{level:.0%} interval and every training seed lie inside the margin. "
        '<b class="refuted">✗ refuted</b>: all of them lie outside. '
        '<b class="inconclusive">? inconclusive</b>: anything between, which is not a weak yes.</p>'
    )


def _head(columns: Sequence[Column], rows: list[Row]) -> str:
    role = {row["claim"]: row["role"] for row in rows if row["role"] != "control"}
    groups = []
    for name, words in _ROLES:
        n = sum(role.get(claim, "exploratory") == name for claim, _ in columns)
        if n:
            groups.append(f'<th role="columnheader" scope="colgroup" colspan="{n}">{words}</th>')
    first = {claim: next(row for row in rows if row["claim"] == claim) for claim, _ in columns}
    heads = "".join(
        f'<th role="columnheader" scope="col"><a href="#{anchor("claim", claim)}">'
        f"{escape(plain_name(claim))}</a><small>{_under(first[claim], condition)}</small></th>"
        for claim, condition in columns
    )
    return (
        '<thead role="rowgroup">'
        f'<tr role="row" class="groups"><td role="cell"></td>{"".join(groups)}</tr>'
        f'<tr role="row"><th role="columnheader" scope="col">Model</th>{heads}</tr></thead>'
    )


def _under(row: Row, condition: str) -> str:
    """Below a claim's name: the attack, or what it is held against."""
    if row["role"] == "headline":
        return "all parts together"
    where = "" if condition == "plain" else f"after {escape(plain_name(condition))}<br>"
    bound = margin(row["margin"], str(row["kind"]), str(row["statistic"]))
    return f"{where}{bound}{escape(held_against(row['reference']))}"


class _Lines:
    """Writes the grid's lines: what each model is, and a cell per claim, one scale per column."""

    def __init__(
        self, page: Page, columns: Sequence[Column], cells: dict[tuple[str, str, str], Row]
    ) -> None:
        self.columns, self.cells = columns, cells
        meta = page.meta
        self.liars = set(meta.loc[meta["question"] == "liar", "arm"]) if meta is not None else set()
        self.made = how_made(page.jobs)
        self.reach = {column: self._reach(column) for column in columns}

    def line(self, arm: str) -> str:
        """One model."""
        mine = [self.cells.get((arm, *column)) for column in self.columns]
        seeds = max(int(row["n_seeds"]) for row in mine if row)
        told = self.made.get(arm, "")
        if arm in self.liars:
            told = f"made to deceive: {told}" if told else "made to deceive"
        what = f"<small>{escape(told)}</small>" if told else ""
        inner = "".join(map(self._cell, mine, self.columns))
        return (
            f'<tr role="row"><th role="rowheader" scope="row">{escape(arm)}{what}'
            f"<small>{plural(seeds, 'seed')}</small></th>{inner}</tr>"
        )

    def _reach(self, column: Column) -> float:
        rows = [row for (_, *rest), row in self.cells.items() if tuple(rest) == column]
        rows = [row for row in rows if row["estimate"] == row["estimate"]]
        if not rows:
            return 1.0
        zone, centre, reach = scale(rows[0])
        spans = [(row["low"], row["high"]) for row in rows]
        seeds = [[float(value) for value in row["seed_values"]] for row in rows]
        return reach or strip_reach(spans, seeds, zone, centre)

    def _cell(self, row: Row | None, column: Column) -> str:
        name = plain_name(column[0])
        if column[1] != "plain":
            name += f", {plain_name(column[1])}"
        label = escape(name)
        if row is None:
            return (
                f'<td role="cell" class="none" data-claim="{label}">'
                '<span aria-hidden="true">·</span><span class="unseen">not judged</span></td>'
            )
        verdict = str(row["verdict"])
        mark = f'<span aria-hidden="true">{MARKS[verdict]}</span>'
        if row["role"] == "headline":
            body = f'<b class="mark">{mark} {escape(verdict)}</b><small>{_parts(row)}</small>'
        else:
            signed = is_difference(str(row["kind"]), str(row["statistic"]))
            body = (
                f'<b class="mark">{mark}<span class="unseen">{escape(verdict)}</span> '
                f"{number(row['estimate'], signed=signed)}</b>"
                f"<small>{interval(row['low'], row['high'], signed=signed)}</small>"
                f"{_drawn(row, self.reach[column])}"
            )
        return (
            f'<td role="cell" class="{escape(verdict)} {escape(row["role"])}" '
            f'data-claim="{label}"><a href="#{anchor("row", _key_of(row))}" '
            f'title="{_filter(row)}">{body}</a></td>'
        )


def _parts(row: Row) -> str:
    p = row["p_adjusted"] if row["verdict"] != "refuted" else row["p_against_adjusted"]
    return escape(f"p {p_value(p)} after Holm")


def _drawn(row: Row, reach: float) -> str:
    if row["estimate"] != row["estimate"]:
        return ""
    zone, centre, _ = scale(row)
    seeds = [float(value) for value in row["seed_values"]]
    span, tick = (row["low"], row["high"]), has_tick(row)
    verdict = str(row["verdict"])
    return strip(span, seeds, zone, centre, verdict, reach=reach, tick=tick, hidden=True)


def has_tick(row: Row) -> bool:
    """Whether the middle of its strip means no difference."""
    return str(row["kind"]) not in LEVELS


def scale(row: Row) -> tuple[tuple[float, float], float, float | None]:
    """The zone that a claim allows, the middle of its strip, and how far that reaches.

    Differences are drawn around 0 and ratios around 1, as far as they go; levels from 0 to 1.
    """
    kind, statistic = str(row["kind"]), str(row["statistic"])
    allowed = region(kind, row["margin"], statistic)
    zone = allowed.low, allowed.high
    if kind in LEVELS:
        return zone, 0.5, 0.55
    return zone, float(statistic in RATIOS), None


def _key_of(row: Row) -> str:
    return f"{row['arm']}-{row['claim']}-{row['condition']}"


def _filter(row: Row) -> str:
    return escape(
        f'claims.parquet: arm == "{row["arm"]}" and claim == "{row["claim"]}" and '
        f'condition == "{row["condition"]}"'
    )


def _key() -> str:
    return (
        '<p class="small key">In the small pictures the line is the interval, dots are seeds, the '
        "tick is no difference, and the grey zone is what the claim allows; those of a column have "
        "one scale. “Supported” also needs p to stand after correction: a headline needs all of "
        "its parts, each tested at the full size, and is corrected over the models by Holm’s "
        "method; exploratory claims are corrected together (Benjamini–Hochberg). A dot in place of "
        "a number: this model is not judged by this claim. Touch a cell for the decision in full; "
        "a pointer resting on it shows the row of the table behind it.</p>"
    )
