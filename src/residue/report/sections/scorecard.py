"""Arms by claims: verdict, number, interval, margin and attainable margin."""

from __future__ import annotations

from typing import Any

from residue.report.claims import region
from residue.report.markup import escape, strip, table
from residue.report.page import Page, edits
from residue.report.rows import records
from residue.report.words import (
    KINDS,
    MARKS,
    attainable,
    interval,
    is_difference,
    margin,
    number,
    plural,
    slice_name,
)

TITLE = "Scorecard"


def section(page: Page) -> str:
    """Cards for the edited arms, then for base and oracle as controls, then every row in full."""
    rows = records(page.claims)
    names = list(dict.fromkeys(row["claim"] for row in rows))
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    edited = edits(arms)
    for row in rows:
        row["unit"] = page.unit_of(row["estimand"])
    cards = [_card(arm, rows) for arm in arms if arm in edited]
    controls = [_card(arm, rows) for arm in arms if arm not in edited]
    parts = [_sentences(rows, names), *cards]
    if controls:
        parts.append(
            "<h3>Controls</h3><p>The base must fail to forget, and the oracle must keep what the "
            "base keeps. If a control goes wrong, the measurements cannot be trusted.</p>"
            f'<div class="controls">{"".join(controls)}</div>'
        )
    parts.append(page.words(_key()))
    parts.append(
        "<details><summary>Every decision in full</summary>"
        f"{_full_table(rows)}</details>"
    )  # fmt: skip
    return "\n".join(parts)


def _sentences(rows: list[dict[str, Any]], names: list[str]) -> str:
    sentences = {row["claim"]: row["sentence"] for row in rows}
    inner = "".join(
        f"<dt>{escape(_words(name))}</dt><dd>{escape(sentences[name])}</dd>" for name in names
    )
    return f"<p>What is claimed of each model:</p><dl>{inner}</dl>"


def _card(arm: str, rows: list[dict[str, Any]]) -> str:
    """What is decided of one arm; a claim in which it is the reference has no cell."""
    mine = [row for row in rows if row["arm"] == arm]
    seeds = plural(max(int(row["n_seeds"]) for row in mine), "training seed")
    return (
        f'<div class="card"><h3>{escape(arm)} <small>· {escape(seeds)}</small></h3>'
        f'<div class="cells">{"".join(_cell(row) for row in mine)}</div></div>'
    )


def _cell(row: dict[str, Any]) -> str:
    verdict, kind = str(row["verdict"]), str(row["kind"])
    where = f" · on {slice_name(row['slice'])}, the worst slice" if row["slice"] else ""
    seeds = [float(value) for value in row["seed_values"]]
    ratio, signed = row["statistic"] == "perplexity", is_difference(kind, row["statistic"])
    allowed = region(kind, row["margin"], row["statistic"])
    name = _words(row["claim"])
    if row["condition"] != "plain":
        name += f" · {_words(row['condition'])}"
    drawn = ""
    if row["estimate"] == row["estimate"]:
        zone = (allowed.low, allowed.high)
        drawn = strip((row["low"], row["high"]), seeds, zone, float(ratio), verdict)
    return (
        f'<div class="cell {escape(verdict)}"><span class="claim">{escape(name)}'
        f'</span><span class="verdict">{MARKS[verdict]} {escape(verdict)}</span>{drawn}'
        f'<span class="value">{number(row["estimate"], signed=signed)} '
        f"{interval(row['low'], row['high'], signed=signed)}</span>"
        f'<span class="small">{_against(row)}{escape(where)}. '
        f"Margin {margin(row['margin'], kind, row['statistic'])}; "
        f"attainable margin {attainable(row['attainable'])}.</span>"
        f'<span class="small">{escape(", ".join(_counts(row)))}</span></div>'
    )


def _against(row: dict[str, Any]) -> str:
    if row["reference"] == "none":
        return "Level"
    ratio = row["statistic"] == "perplexity"
    return f"{'Ratio to' if ratio else 'Difference from'} the {escape(row['reference'])}"


def _counts(row: dict[str, Any]) -> list[str]:
    return [
        plural(row["n_items"], "item"),
        plural(row["n_clusters"], row["unit"]),
        plural(row["n_seeds"], "seed"),
        plural(row["n_pairs"], "base–oracle pair"),
    ]


def _key() -> str:
    return (
        '<p class="small">How to read a card. The line is the interval of the difference, the '
        "dots are the single training seeds, the dashed tick is no difference, and the grey zone "
        "is what the claim allows. <b>Supported</b>: the interval and every seed lie inside the "
        "zone. <b>Refuted</b>: all of them lie outside, on one side. <b>Inconclusive</b>: anything "
        "else. <b>Attainable margin</b>: above it, a claim would be supported if no country "
        "differed at all; where the margin is not above it, the run had too few countries.</p>"
    )


def _full_table(rows: list[dict[str, Any]]) -> str:
    head = ("Model", "Claim", "Verdict", "Difference", "Against", "Margin", "Counts", "Each seed",
            "How and why")  # fmt: skip
    return table(head, (_full_row(row) for row in rows))


def _full_row(row: dict[str, Any]) -> list[str]:
    kind = str(row["kind"])
    signed = is_difference(kind, row["statistic"])
    condition = "" if row["condition"] == "plain" else f" ({row['condition']})"
    span = interval(row["low"], row["high"], signed=signed)
    how = "; ".join(part for part in (row["method"], row["note"]) if part)
    return [
        escape(row["arm"] + condition),
        escape(_words(row["claim"])),
        f"{MARKS[row['verdict']]} {escape(row['verdict'])}",
        f"{number(row['estimate'], signed=signed)}<br>{span}<br>"
        f"<small>{row['level']:.0%} interval</small>",
        f"{escape(row['reference'])}<br><small>{escape(slice_name(row['slice'])) or 'all'}</small>",
        f"{margin(row['margin'], kind, row['statistic'])}<br>"
        f"<small>{escape(KINDS[kind][1])}<br>"
        f"attainable {attainable(row['attainable'])}</small>",
        "<br>".join(escape(count) for count in _counts(row)),
        "<br>".join(number(float(value), signed=signed) for value in row["seed_values"]),
        f'<div class="long">{escape(row["reason"])}<br><small>{escape(how)}.</small></div>',
    ]


def _words(name: str) -> str:
    return name.replace("_", " ")
