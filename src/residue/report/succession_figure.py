"""Figure of requests in parts: over the size of one request, and over how many were made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from residue.report.drawing import STYLE, apart, nothing
from residue.report.palette import EDITS, FAINT, MUTED, SHAPES
from residue.report.rows import records

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = 2.4
"""Inches of one edit's two panels."""
KEPT = {"not_asked": "not asked", "retain_touched": "kept", "retain_untouched": "kept, unseen"}
COLOURS = dict(zip(KEPT, (EDITS[4], EDITS[2], EDITS[0]), strict=True))
SIDES = ((0.08, 0.3), (0.57, 0.3))
"""Left edge and breadth of the two panels; names of lines stand behind each."""


def succession(table: pd.DataFrame) -> Figure:
    """One block per edit. Left: arms asked once, over the share of countries asked for. Right: arms
    after one another, over the number of requests; each request is a line from when it was made.

    Both begin at the base, which was asked for nothing. Bars are intervals.
    """
    made = table[(table["reference"] == "none") & table["estimate"].notna()]
    base = made[made["arm"] == "base"]
    series = [name for name in dict.fromkeys(made["series"]) if name]
    if not series:
        return nothing("Nothing to draw: no edit was asked to forget in parts.")
    with rc_context(STYLE):
        figure = Figure(figsize=(6.4, HEIGHT * len(series)))
        for place, name in enumerate(series):
            mine = made[made["series"] == name]
            bottom = (len(series) - 1 - place + 0.2) / len(series)
            sizes, chain = (
                figure.add_axes((x, bottom, broad, 0.66 / len(series))) for x, broad in SIDES
            )
            once = mine[mine["n_requests"] == 1]
            _lines(sizes, pd.concat([base, once]), "share_asked")
            _words(sizes, "Share of countries asked for", f"{name}: one request", [0, 0.5, 1])
            row = mine[mine["arm"].isin(_chain(mine))]
            _lines(chain, pd.concat([base, row]), "n_requests")
            steps = list(range(int(row["n_requests"].max()) + 1))
            _words(chain, "Requests made", f"{name}: request after request", steps)
    return figure


def _chain(rows: pd.DataFrame) -> list[str]:
    """The longest succession of arms, last one first."""
    before = dict(zip(rows["arm"], rows["after"], strict=True))
    arm = str(max(records(rows), key=lambda row: row["n_requests"])["arm"])
    found = []
    while arm in before:
        found.append(arm)
        arm = before[arm]
    return found


def _lines(ax: Axes, rows: pd.DataFrame, across: str) -> None:
    ends: list[tuple[str, str, float, float]] = []
    for group in sorted(set(rows["asked"])):
        points: list[dict[str, Any]] = records(rows[rows["asked"] == group].sort_values(across))
        number = int(group.rpartition("_")[2]) if group.startswith("request_") else 0
        colour = COLOURS.get(group, EDITS[1])
        x, y = [row[across] for row in points], [row["estimate"] for row in points]
        ax.plot(x, y, color=colour, lw=1.2, marker=SHAPES[number % len(SHAPES)], ms=4, zorder=4)
        for row in points:
            ax.plot([row[across]] * 2, [row["low"], row["high"]], color=colour, lw=1.0, zorder=3)
        ends.append((KEPT.get(group, f"asked {_nth(number)}"), colour, x[-1], y[-1]))
    if not ends:
        ax.text(0.5, 0.5, "not estimated", transform=ax.transAxes, ha="center", color=MUTED)
        return
    last = max(x for _, _, x, _ in ends)
    for (name, colour, _, _), height in zip(
        ends, apart([(0.0, y) for *_, y in ends], 1.0, 0.1), strict=True
    ):
        ax.annotate(
            name, (last, height), (6, 0), textcoords="offset points", va="center", color=colour,
            annotation_clip=False,
        )  # fmt: skip


def _nth(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")


def _words(ax: Axes, across: str, title: str, ticks: list[Any]) -> None:
    ax.set_xlabel(across)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_ylim(-0.04, 1.04)
    ax.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    ax.set_title(title, loc="left", fontsize=8.5, weight="bold")
    for tick in (0, 0.5, 1):
        ax.axhline(tick, color=FAINT, lw=0.6, zorder=0)
