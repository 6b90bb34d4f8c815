"""Whether what is read inside a model tells how fast it relearns."""

from __future__ import annotations

from typing import Any

from residue.report import plots
from residue.report.markup import escape, rows_of, table
from residue.report.page import Page
from residue.report.rows import records
from residue.report.words import interval, number, plain_name, plural

TITLE = "Does the inside tell what relearning will find?"
_ACROSS = {
    "lens_recall": "lens recall before the attack (1: as in the base)",
    "forget_depth": "depth of the edit before the attack (1: as in the oracle)",
}
_EXPECTED = {"lens_recall": "above 0", "forget_depth": "below 0"}


def section(page: Page) -> str:
    """A picture per attack and inner measure, then the correlations."""
    if page.relearning is None or not len(page.relearning):
        return ""
    rows = records(page.relearning)
    intro = (
        "<p>If a lens or a patch sees what an edit left behind, then models in which it sees more "
        "should relearn faster. Each point is one edited model of one seed. Up: mean recovery over "
        "the curve of relearning, less the recovery before it. Few edits say little, so the "
        "intervals, which draw edits with all their seeds, are wide; what they are good for is to "
        "catch an inner measure that points the wrong way.</p>"
    )
    drawn = []
    for attack, inside in dict.fromkeys((row["attack"], row["inside"]) for row in rows):
        mine = [r for r in rows if (r["attack"], r["inside"]) == (attack, inside)]
        drawn.append(_figure(attack, inside, mine, list(page.claims["arm"])))
    told = [_line(row) for row in rows if row["what"] == "correlation"]
    head = ("Inner measure", "Attack", "Rank correlation", "If it sees what is left", "Counts")
    source = rows_of("relearning.parquet", {"what": "correlation"}, page.files.get(
        "Inside against relearning", ""))  # fmt: skip
    body = table(head, told) if told else "<p>Too few models for a correlation.</p>"
    return f'{intro}<div class="figures">{"".join(drawn)}</div>{body}<p class="small">{source}</p>'


def _figure(attack: str, inside: str, rows: list[dict[str, Any]], arms: list[str]) -> str:
    colour = plots.colours(arms)
    points: dict[str, list[plots.Point]] = {}
    for row in rows:
        if row["what"] == "model":
            at = plots.Point(row["across"], row["gain"], row["gain"], row["gain"])
            points.setdefault(row["arm"], []).append(at)
    series = [
        plots.Series(arm, colour.get(arm, "var(--ink)"), tuple(each))
        for arm, each in points.items()
    ]
    title = f"{plain_name(inside)} against recovery by {plain_name(attack)}"
    across = _ACROSS.get(inside, plain_name(inside))
    drawn = plots.scatter(series, across, "recovered by relearning", title)
    return f"<figure>{drawn}<figcaption>{escape(title.capitalize())}.</figcaption></figure>"


def _line(row: dict[str, Any]) -> list[str]:
    return [
        escape(plain_name(row["inside"])),
        escape(plain_name(row["attack"])),
        f"{number(row['estimate'], signed=True)}<br><small>"
        f"{interval(row['low'], row['high'], signed=True)}, {row['level']:.0%}</small>",
        escape(_EXPECTED.get(row["inside"], "–")),
        f"{plural(row['n_arms'], 'edit')}, {plural(row['n_points'], 'model')}",
    ]
