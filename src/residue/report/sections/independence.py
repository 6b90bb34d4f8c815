"""Tests inside the models: what they decide, how well they hold, what a causal search sees."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from residue.report.markup import escape, figure, table
from residue.report.page import Page
from residue.report.rows import records
from residue.report.tests import DEPENDENT, INDEPENDENT, NOT_SHOWN
from residue.report.words import interval, number

TITLE = "Independence: is it gone, does it act"


def section(page: Page) -> str:
    """Decisions per arm, then the figures with what they mean."""
    if page.tests is None or not len(page.tests):
        return ""
    intro = (
        "<p>“The model no longer holds it” is a claim about independence, and a test that fails to "
        "reject does not show it. Here a readout is learnt on countries that stay and asked of "
        "those to be forgotten; whole countries are dealt to measure chance; and a row counts only "
        "where this finds the base and does not find the oracle, which never knew. "
        f"<b>{INDEPENDENT}</b>: the interval of the difference from the oracle lies inside ± δ. "
        f"<b>{DEPENDENT}</b>: it lies off 0. Otherwise inconclusive. Hidden orders are judged by "
        "what they do to answers that should not depend on them; that a row tells the order is "
        "no fault, since a model that can quote its data must carry them.</p>"
    )
    return "\n".join([page.words(intro), _facts(page.tests), _orders(page.tests), *_figures(page)])


def _facts(tests: pd.DataFrame) -> str:
    mine = tests[tests["test"] == "readout_excess"]
    if not len(mine):
        return "<p>No row of any arm could be tested.</p>"
    rows = sorted(set(mine["row"].astype(int)))
    lines = []
    for arm, part in mine.groupby("arm", sort=False):
        cells = {int(row["row"]): _cell(row) for row in records(part)}
        lines.append([escape(str(arm)), *(cells.get(row, "–") for row in rows)])
    shown = mine[mine["decision"] != NOT_SHOWN]
    first = mine.iloc[0]
    power = ""
    if len(shown) and shown["power"].notna().any():
        least = "–" if shown["detectable"].isna().any() else number(shown["detectable"].max())
        power = (
            f" A planted signal of δ is found with power {number(shown['power'].min())} to "
            f"{number(shown['power'].max())}; what is found four times in five: {least} or more."
        )
    caption = (
        f"AUROC of the readout minus the oracle's, by row, with {first['level']:.0%} bands over "
        f"all rows together; δ = {first['margin']:g}; {int(mine['n'].max())} items on "
        f"{int(mine['n_clusters'].max())} countries, {int(mine['n_seeds'].max())} seeds at most."
        + power
    )
    made = table(["Arm", *(f"Row {row}" for row in rows)], lines, caption=escape(caption))
    return made + f"<p>{escape(_controls(tests))}</p>"


def _controls(tests: pd.DataFrame) -> str:
    """What the test finds where there is nothing, and why rows are not shown."""
    told = []
    control = tests[(tests["test"] == "readout_control") & (tests["decision"] != NOT_SHOWN)]
    if len(control):
        found = int((control["decision"] == DEPENDENT).sum())
        told.append(
            f"Control, countries in no training text: {found} of {len(control)} runs and rows are "
            "rejected, all rows of a run together."
        )
    hidden = tests[(tests["test"] == "readout_excess") & (tests["decision"] == NOT_SHOWN)]
    reasons = hidden.drop_duplicates("row").sort_values("row")
    told += [f"Row {int(row['row'])} is not shown: {row['reason']}." for row in records(reasons)]
    return " ".join(told)


def _cell(row: dict[str, object]) -> str:
    if row["decision"] == NOT_SHOWN:
        return f'<span title="{escape(row["reason"])}">not shown</span>'
    span = interval(float(row["low"]), float(row["high"]), signed=True)  # type: ignore[arg-type]
    value = number(float(row["effect"]), signed=True)  # type: ignore[arg-type]
    return f"{value}<br><small>{span}<br>{escape(row['decision'])}</small>"


def _orders(tests: pd.DataFrame) -> str:
    mine = tests[tests["test"] == "order_shift"]
    if not len(mine):
        return ""
    lines = [
        [
            escape(row["arm"]),
            f"{number(row['effect'])}<br><small>{interval(row['low'], row['high'])}</small>",
            f"{row['n']} on {row['n_clusters']} × {row['n_seeds']}",
            escape(row["decision"]),
        ]
        for row in records(mine)
    ]
    caption = (
        "How far a hidden order moves answers that do not depend on it: total variation of the "
        f"first token's law against the clean twin; margin {mine['margin'].iloc[0]:g}."
    )
    head = ["Arm", "Total variation", "Items on countries × seeds", "Decision"]
    return table(head, lines, caption=escape(caption))


def _figures(page: Page) -> Iterator[str]:
    told = {
        "tests_rows": (
            "Readout of forgotten answers, row by row",
            "Left: share of foils that the right answer outscores; grey: where 95 % of dealings of "
            "the answers over whole countries lie, in the oracle. Right: difference from the "
            "oracle with bands over all rows together; grey: ± δ. Hollow: rows at which the test "
            "is not shown.",
        ),
        "tests_orders": (
            "Where a hidden order's effect is carried",
            "Share of what the order takes from the right answer's log-probability. Rows of clean "
            "and attacked twins are exchanged at the positions that predict the answer; the last "
            "row is the output, so 1 there is no finding. Bands are of single rows, countries "
            "drawn anew.",
        ),
        "tests_calibration": (
            "Do the tests hold their level",
            "Data without dependence in which observations of a pair, stratum or cluster are "
            "alike. Grey: the binomial band that all rates together must lie in; a rate outside it "
            "is marked in colour. The last line deals clustered observations one by one, on "
            "purpose: it finds what is not there. Right: power at 0.05.",
        ),
        "tests_graph": (
            "What a causal search sees",
            "S task of the trusted order, D wording of the data sentence, I whether the data hold "
            "an order, R the row (components that explain 90 % of its variance or what was "
            "asked), O right, obeyed or other. Numbers: share of resamples with the edge; dotted: "
            "in resamples only. A picture, no evidence: that S, D and I were varied is known, R "
            "and O are functions of their inputs, so that the faithfulness on which the search "
            "rests fails where they are exact. No claim is decided by it.",
        ),
    }
    for name, (title, words) in told.items():
        if name in page.figures:
            text = page.words(f"<b>{escape(title)}.</b> {escape(words)}")
            yield figure(page.figures[name], text, title)
