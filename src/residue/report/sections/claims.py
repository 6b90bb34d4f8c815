"""Claim by claim: the sentence, every model's interval against the margin, and the picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from residue.report import captions, plots
from residue.report.markup import (
    anchor,
    escape,
    figure,
    rows_of,
    strip,
    strip_axis,
    strip_reach,
    table,
)
from residue.report.page import Page
from residue.report.rows import records
from residue.report.sections.scorecard import has_tick, scale
from residue.report.words import (
    KINDS,
    MARKS,
    attainable,
    held_against,
    interval,
    is_difference,
    margin,
    number,
    p_value,
    plain_name,
    plural,
    slice_name,
)

TITLE = "Claim by claim"
Row = dict[str, Any]

# The drawn figure that shows best what a claim is about, by the estimand that decides it.
_PICTURES = {
    "forget_vs_oracle": ("tradeoff", "Forget against retain", captions.tradeoff),
    "leak_vs_oracle": ("by_language", "Per language", captions.by_language),
}


def section(page: Page) -> str:
    """One article per claim, headlines first."""
    rows = records(page.claims)
    order = {"headline": 0, "part": 1, "exploratory": 2}
    roles: dict[str, int] = {}
    for row in rows:
        rank = order.get(row["role"], 2)
        roles[row["claim"]] = min(rank, roles.get(row["claim"], rank))
    names = sorted(roles, key=lambda name: roles[name])
    return "\n".join(
        _article(name, [r for r in rows if r["claim"] == name], page) for name in names
    )


def _article(name: str, rows: list[Row], page: Page) -> str:
    head = f'<h3 id="{anchor("claim", name)}">{escape(plain_name(name))}</h3>'
    sentence = f"<p>{escape(rows[0]['sentence'])}</p>"
    if any(row["role"] == "headline" for row in rows):
        body = _headline(rows, page)
        return f'<article class="claim-part">{head}{sentence}{body}</article>'
    kind, statistic = str(rows[0]["kind"]), str(rows[0]["statistic"])
    bound = margin(rows[0]["margin"], kind, statistic)
    why = (
        f'<p class="small">{_role(rows)} Margin {bound}'
        f"{escape(held_against(rows[0]['reference']))} "
        f"({escape(KINDS[kind][1])}). {escape(rows[0]['margin_reason'])}</p>"
    )
    body = f"{why}{_forest(rows, page)}{_picture(rows[0], page)}"
    return f'<article class="claim-part">{head}{sentence}{body}</article>'


def _role(rows: list[Row]) -> str:
    role = next((row["role"] for row in rows if row["role"] != "control"), "control")
    return {
        "part": "<b>Part of the headline.</b>",
        "exploratory": "<b>Exploratory.</b>",
    }.get(role, "")


def _headline(rows: list[Row], page: Page) -> str:
    body = [
        [
            f'<span id="{_row_id(row)}">{escape(row["arm"])}</span>',
            _verdict(row),
            f"{escape(p_value(row['p']))}<br><small>{escape(p_value(row['p_adjusted']))} after "
            "Holm</small>",
            f"{escape(p_value(row['p_against']))}<br>"
            f"<small>{escape(p_value(row['p_against_adjusted']))} after Holm</small>",
            f'<div class="wider">{escape(row["reason"])}<br>{_source(row, page)}</div>',
        ]
        for row in rows
    ]
    head = ("Model", "Verdict", "p of support", "p of refutation", "Why")
    return table(head, body, stacked=True)


def _forest(rows: list[Row], page: Page) -> str:
    """Every model's interval on one scale."""
    first = rows[0]
    seeds = [[float(value) for value in row["seed_values"]] for row in rows]
    spans = [(row["low"], row["high"]) for row in rows]
    zone, centre, reach = scale(first)
    reach = reach or strip_reach(spans, seeds, zone, centre)
    lines = []
    for row, points, span in zip(rows, seeds, spans, strict=True):
        drawn, verdict, tick = "–", str(row["verdict"]), has_tick(row)
        if row["estimate"] == row["estimate"]:
            drawn = strip(span, points, zone, centre, verdict, reach=reach, tick=tick)
        lines.append(_line(row, drawn, page))
    level = first["reference"] == "none"
    against = "Interval" if level else f"Against the {escape(first['reference'])}"
    number_of = "Level" if level else "Difference"
    signed = is_difference(str(first["kind"]), str(first["statistic"]))
    against += strip_axis(zone, centre, reach, signed=signed, tick=has_tick(first))
    head = ("Model", "Verdict", against, number_of, "p", "Counts", "Why")
    return f'<div class="forest">{table(head, lines, stacked=True)}</div>'


def _line(row: Row, drawn: str, page: Page) -> list[str]:
    signed = is_difference(str(row["kind"]), str(row["statistic"]))
    arm = escape(row["arm"])
    if row["condition"] != "plain":
        arm += f"<br><small>after {escape(plain_name(row['condition']))}</small>"
    where = escape(slice_name(row["slice"]))
    adjusted = row["p_adjusted"] if row["verdict"] != "refuted" else row["p_against_adjusted"]
    p = row["p"] if row["verdict"] != "refuted" else row["p_against"]
    side = "of refutation" if row["verdict"] == "refuted" else "of support"
    more = f"<br><small>{escape(p_value(adjusted))} after BH</small>"
    told = f"{escape(p_value(p))} <small>{side}</small>"
    told += more if row["role"] == "exploratory" else ""
    each = ", ".join(number(float(value), signed=signed) for value in row["seed_values"])
    method = "; ".join(part for part in (row["method"], row["note"]) if part)
    return [
        f'<span id="{_row_id(row)}">{arm}</span>',
        _verdict(row),
        drawn,
        f"{number(row['estimate'], signed=signed)} "
        f"<small>{interval(row['low'], row['high'], signed=signed)}</small>"
        + (f"<br><small>on {where}</small>" if where else ""),
        told,
        f"{plural(row['n_items'], 'item')}<br><small>"
        f"{escape(plural(row['n_clusters'], page.unit_of(row['estimand'])))}, "
        f"{plural(row['n_seeds'], 'seed')}, {plural(row['n_pairs'], 'pair')}</small>",
        f'<details><summary>In full<span class="unseen">: {escape(row["arm"])}</span></summary>'
        f'<div class="long"><p>{escape(row["reason"])}</p>'
        f"<p>Each seed: {each or '–'}. Attainable margin {attainable(row['attainable'])}. "
        f"{escape(method)}.</p><p>{_source(row, page)}<br>{_estimate_source(row, page)}</p>"
        "</div></details>",
    ]


def _verdict(row: Row) -> str:
    verdict = str(row["verdict"])
    return f'<b class="{escape(verdict)}">{MARKS[verdict]} {escape(verdict)}</b>'


def _row_id(row: Row) -> str:
    return anchor("row", f"{row['arm']}-{row['claim']}-{row['condition']}")


def _source(row: Row, page: Page) -> str:
    where = {name: str(row[name]) for name in ("arm", "claim", "condition")}
    return rows_of("claims.parquet", where, page.files.get("Verdicts", ""))


def _estimate_source(row: Row, page: Page) -> str:
    where = {name: str(row[name]) for name in ("estimand", "arm", "condition", "slice")}
    return rows_of("estimates.parquet", where, page.files.get("Estimates", ""))


def _picture(row: Row, page: Page) -> str:
    """The drawn figure of a claim, and beside claims of forgetting what relearning brings back."""
    parts = []
    name, estimand_name = str(row["claim"]), str(row["estimand"])
    if estimand_name in _PICTURES and _PICTURES[estimand_name][0] in page.figures:
        drawn, title, caption = _PICTURES[estimand_name]
        text = f"<b>{escape(title)}.</b> {escape(page.words(caption(page.estimates)))}"
        parts.append(figure(page.figures[drawn], text, title))
    estimand = page.estimands.get(estimand_name)
    # The curves are of the languages asked for.
    asked = estimand is not None and estimand.where.get("requested") == (True,)
    if asked and page.recovery is not None:
        parts += _curves(name, page)
    return f'<div class="figures">{"".join(parts)}</div>' if parts else ""


def _curves(name: str, page: Page) -> list[str]:
    assert page.recovery is not None
    made = page.recovery.dropna(subset=["estimate", "at"])
    made = made[made["measure"] == "forget"]
    found = []
    for attack, part in made.groupby("attack", sort=False):
        series = _series(records(part.sort_values("at")), list(page.claims["arm"]))
        title = f"Recovery after {plain_name(str(attack))}, beside {plain_name(name)}"
        drawn = plots.curves(series, "updates of relearning", "forget facts answered", title)
        level = f"{part['level'].iloc[0]:.0%}"
        text = page.words(
            f"<b>Does it come back?</b> Share of forget facts answered, of countries that the "
            f"attack {escape(plain_name(str(attack)))} did not show. Dashed: base, and the oracle "
            "as control, after the same updates. Low and flat is good; a line that rises above the "
            f"oracle's was hidden, not gone. {level} intervals, "
            f"{plural(int(part['n_items'].max()), 'item')} on "
            f"{plural(int(part['n_clusters'].max()), 'country')}."
        )
        found.append(f"<figure>{drawn}<figcaption>{text}</figcaption></figure>")
    return found


def _series(rows: list[Row], arms: list[str]) -> list[plots.Series]:
    points: dict[str, list[plots.Point]] = {}
    for row in rows:
        point = plots.Point(row["at"], row["estimate"], row["low"], row["high"])
        points.setdefault(row["arm"], []).append(point)
    colour: Mapping[str, str] = plots.colours(arms)
    return [
        plots.Series(arm, colour.get(arm, "var(--ink)"), tuple(mine))
        for arm, mine in points.items()
    ]
