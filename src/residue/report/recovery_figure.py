"""Figure of what attacks bring back: levels with controls on the left, recovery on the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from residue.report.drawing import STYLE, apart, looks, nothing
from residue.report.palette import FAINT, MUTED
from residue.report.rows import records
from residue.report.words import attack_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 5.0
CURVE, HEAD, FOOT, LINE = 1.6, 0.45, 0.5, 0.17
"""Heights in inches: of a curve, of its title, of the axis words below, of one arm in a list."""
SIDES = ((0.19, 0.29), (0.69, 0.29))
"""Left edge and breadth of the two panels; names of arms stand between them."""
ROOM = 0.012
"""Share of the longest relearning left free before its start."""


def recovery(table: pd.DataFrame) -> Figure:
    """One block per attack of the recovery table: curves where it has several strengths.

    Left: share of forget facts answered that no attacker was shown, base and oracle as controls.
    Right: recovery against the two. Points that could not be estimated are left out.
    """
    made = table.dropna(subset=["estimate"])
    attacks = list(dict.fromkeys(made["attack"]))
    if not attacks:
        return nothing("Nothing to draw: no attack was measured.")
    style = looks(list(dict.fromkeys(made["arm"])))
    heights = [_height(made[made["attack"] == attack]) for attack in attacks]
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, sum(heights) + 0.05))
        whole, top = sum(heights) + 0.05, 1.0
        for attack, height in zip(attacks, heights, strict=True):
            mine = made[made["attack"] == attack]
            bottom, size = top - (height - FOOT) / whole, (height - FOOT - HEAD) / whole
            axes = [figure.add_axes((x, bottom, broad, size)) for x, broad in SIDES]
            figure.text(0.0, top - 0.12 / whole, attack_name(attack), weight="bold", va="center")
            for ax, measure in zip(axes, ("forget", "recovery"), strict=True):
                rows = mine[mine["measure"] == measure]
                if _is_curve(mine):
                    _curve(ax, rows, style, named=measure == "forget")
                else:
                    _list(ax, rows, style)
                _words(ax, measure, curve=_is_curve(mine))
            top -= height / whole
    return figure


def _is_curve(rows: pd.DataFrame) -> bool:
    return bool(rows["at"].notna().any())


def _height(rows: pd.DataFrame) -> float:
    body = CURVE if _is_curve(rows) else LINE * (rows["arm"].nunique() + 1)
    return HEAD + body + FOOT


def _words(ax: Axes, measure: str, *, curve: bool) -> None:
    words = {"forget": "Answered exactly", "recovery": "Recovery"}[measure]
    ends = (-0.04, 1.04)
    if curve:
        ax.set_ylim(min(ends[0], ax.get_ylim()[0]), max(ends[1], ax.get_ylim()[1]))
        ax.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        ax.set_title(words, loc="left", fontsize=8.5)
        ax.set_xlabel("Updates of relearning")
    else:
        ax.set_xlim(min(ends[0], ax.get_xlim()[0]), max(ends[1], ax.get_xlim()[1]))
        ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        ax.set_xlabel(words)
    guide = ax.axhline if curve else ax.axvline
    for tick in (0, 0.5, 1):
        guide(tick, color=FAINT, lw=0.6, zorder=0)


def _curve(ax: Axes, rows: pd.DataFrame, style: dict[str, tuple[str, str]], *, named: bool) -> None:
    """Lines over the square root of the updates, so that the first few have room."""
    ax.set_xscale("function", functions=(_root, _square))
    if not len(rows):
        return
    longest = float(rows["at"].max())
    ax.set_xlim(-ROOM * longest, 1.05 * longest)
    ends: list[tuple[str, float, float]] = []
    for arm in dict.fromkeys(rows["arm"]):
        points = records(rows[rows["arm"] == arm].sort_values("at"))
        colour, shape = style[arm]
        x = [row["at"] for row in points]
        ax.plot(x, [row["estimate"] for row in points], color=colour, lw=1.2, marker=shape, ms=4,
                zorder=4)  # fmt: skip
        for row in points:
            ax.plot([row["at"]] * 2, [row["low"], row["high"]], color=colour, lw=1.0, zorder=3)
        ends.append((arm, x[-1], points[-1]["estimate"]))
    ticks = sorted(set(rows["at"]))
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    if not named:
        return
    heights = apart([(0.0, y) for _, _, y in ends], 1.0, 0.13)
    for (arm, x_end, _), height in zip(ends, heights, strict=True):
        ax.annotate(
            arm, (x_end, height), (6, 0), textcoords="offset points", va="center",
            color=style[arm][0], weight="bold", annotation_clip=False,
        )  # fmt: skip


def _root(x: Any) -> Any:
    return np.sign(x) * np.abs(x) ** 0.5


def _square(x: Any) -> Any:
    return np.sign(x) * np.square(x)


def _list(ax: Axes, rows: pd.DataFrame, style: dict[str, tuple[str, str]]) -> None:
    """A line per arm with its interval."""
    found: list[dict[str, Any]] = records(rows)
    ax.set_ylim(len(found) - 0.4, -0.6)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    for y, row in enumerate(found):
        colour, shape = style[row["arm"]]
        ax.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.3, zorder=3)
        ax.plot(row["estimate"], y, marker=shape, ms=4.5, color=colour, zorder=5)
        ax.annotate(
            row["arm"], (0, y), (-4, 0), xycoords=("axes fraction", "data"), ha="right",
            va="center_baseline", textcoords="offset points", color=colour, annotation_clip=False,
        )  # fmt: skip
    if not found:
        ax.text(0.5, 0.5, "not estimated", transform=ax.transAxes, ha="center", color=MUTED)
