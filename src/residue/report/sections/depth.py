"""What lenses read inside the models: recall, where answers emerge, curves, single prompts."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from residue.report.captions import first_rows
from residue.report.markup import escape, figure, table
from residue.report.page import Page
from residue.report.rows import records
from residue.report.words import interval, number, slice_name

TITLE = "Inside: what is still there"

_RECALL = (
    ("lens_recall", "languages asked for"),
    ("lens_recall_leak", "other languages"),
)
_FIRST = (
    ("set=forget,requested=true", "languages asked for"),
    ("set=forget,requested=false", "other languages"),
)


def section(page: Page) -> str:
    """Intro, one row of numbers per model, the curves of each lens, the prompts of each edit."""
    if page.depth is None or not len(page.depth):
        return ""
    first = ""
    if "first_rows" in page.figures:
        text = f"<b>Where the answer appears.</b> {escape(page.words(first_rows(page.estimates)))}"
        first = figure(page.figures["first_rows"], text, "Where the answer appears")
    return "\n".join([page.words(_intro()), _numbers(page, page.depth), *_figures(page), first])


def _intro() -> str:
    return (
        "<p>A lens reads each row of a model as if it were the last, and so tells what the model "
        "holds before it speaks. An edit that only silences the answer leaves it readable here. "
        "Lenses are made for the base and held fixed for its edits; the oracle is read by its "
        "own.</p>"
        "<p><b>Lens recall</b> is the share of what the base's rows give away beyond the oracle's "
        "that is still there: 1 as in the base, 0 nothing more than in the oracle. The last row is "
        "left out, since that is the model's output. The oracle's own line is not 0: it shows what "
        "another model that never saw the facts would score, because chance readings above the "
        "oracle count and those below do not. <b>First row</b>: where at least half of the answers "
        "come first, with the rows that a band over all rows at once allows.</p>"
    )


def _numbers(page: Page, depth: pd.DataFrame) -> str:
    first = depth[(depth["quantity"] == "first_row") & (depth["condition"] == "plain")]
    head, columns = ["Model"], []
    for name, words in _RECALL:
        mine = page.estimates[
            (page.estimates["estimand"] == name) & (page.estimates["condition"] == "plain")
        ]
        if mine["estimate"].notna().any():
            head.append(_head("Lens recall", words))
            columns.append({row["arm"]: _share(row) for row in records(mine)})
    for lens in dict.fromkeys(first["lens"]):
        for key, words in _FIRST:
            mine = first[(first["lens"] == lens) & (first["slice"] == key)]
            if len(mine):
                head.append(_head(f"First row, {lens_name(lens)}", words))
                columns.append({row["arm"]: _first(row) for row in records(mine)})
    arms = list(dict.fromkeys(depth["arm"]))
    rows = [[escape(arm), *(cells.get(arm, "–") for cells in columns)] for arm in arms]
    return table(head, rows) if columns else ""


def _head(what: str, words: str) -> str:
    return f"{escape(what)}<br><small>{escape(words)}</small>"


def lens_name(lens: str) -> str:
    """``final_norm`` as ``final norm``."""
    return lens.replace("_", " ")


def _share(row: dict[str, object]) -> str:
    if row["estimate"] != row["estimate"]:
        return "–"
    span = interval(float(row["low"]), float(row["high"]))  # type: ignore[arg-type]
    return f"{number(float(row['estimate']))}<br><small>{span}</small>"  # type: ignore[arg-type]


def _first(row: dict[str, object]) -> str:
    point, low, high = (_row(row[name]) for name in ("estimate", "low", "high"))
    return f"{point}<br><small>{low} to {high}</small>"


def _row(value: object) -> str:
    at = float(value)  # type: ignore[arg-type]
    return "never" if math.isinf(at) else f"{at:.0f}"


def _figures(page: Page) -> Iterator[str]:
    assert page.depth is not None
    level = f"{page.depth['level'].iloc[0]:.0%}"
    curves = [name for name in page.figures if name.startswith("depth_")]
    parts = []
    for name in curves:
        lens = lens_name(name.removeprefix("depth_"))
        text = page.words(
            f"<b>Row by row, lens {escape(lens)}.</b> {escape(_counts(page, name))} Left: log-odds "
            "of the answer's first token against that of a foil, an answer of the same kind that "
            "belongs to another country. Right: share of answers at rank 1. Lines are means of "
            f"country means, shades {level} bands that hold over all rows of a line together. Row "
            "0 holds the embeddings, the last row is what the model says."
        )
        parts.append(figure(page.figures[name], text, f"Row by row, lens {lens}"))
    yield f'<div class="figures">{"".join(parts)}</div>'
    for name in page.figures:
        if name.startswith("trace_"):
            arm = name.removeprefix("trace_")
            drawn = figure(page.figures[name], escape(_cells(arm)), f"Prompts in {arm}")
            yield (
                f"<details><summary>Single prompts in base and {escape(arm)}, cell by cell"
                f'</summary><div class="scroll wide" tabindex="0">{drawn}</div></details>'
            )


def _counts(page: Page, name: str) -> str:
    assert page.depth is not None
    mine = page.depth[
        (page.depth["lens"] == name.removeprefix("depth_")) & (page.depth["reference"] == "none")
    ]
    told = []
    for key, _ in _FIRST:
        part = mine[mine["slice"] == key]
        if len(part):
            words = slice_name(key.partition(",")[2])
            told.append(
                f"{int(part['n_items'].max())} forget facts ({words}) on "
                f"{int(part['n_clusters'].max())} countries"
            )
    return "; ".join(told) + "." if told else ""


def _cells(arm: str) -> str:
    return (
        "Rows from the embeddings (0) upwards, the prompt's tokens from left to right in reading "
        "order, also where the script runs the other way. In each cell the likeliest next token as "
        "the base's final norm and head read it; fuller blue is likelier. Third panel: how the "
        "log-probability of the answer's first token changes from base to "
        f"{arm}: blue gained, orange lost, full at 6 nats; a token is named where it differs from "
        "the base's. Pieces of letters are written as bytes, ␣ is a lone space. One pair, first "
        "seed."
    )
