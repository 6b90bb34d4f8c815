"""Figure of use against safety: right under attack over right without one, a point per arm."""

from __future__ import annotations

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from residue.report.attack_tables import whole
from residue.report.drawing import STYLE, apart, looks, nothing
from residue.report.palette import FAINT, MUTED

LINE = 0.062
"""Least distance of two names in the list beside the plane, as a share of its height."""


def plane(table: pd.DataFrame) -> Figure:
    """Clean instructions carried out (across) against attacked ones (up), with intervals.

    A defence belongs at the top right. Silence stands at the lower left, though it obeys no order.
    Attacks are those of the families that the base obeys.
    """
    levels = {key: row for key, row in whole(table).items() if row["estimate"] == row["estimate"]}
    across, upward = (
        {arm: row for (arm, measure), row in levels.items() if measure == name}
        for name in ("useful", "right")
    )
    arms = [arm for arm in upward if arm in across]
    if not arms:
        return nothing("Nothing to draw: no arm was asked attacked and clean instructions.")
    style = looks(arms)
    with rc_context(STYLE):
        figure = Figure(figsize=(5.0, 3.4))
        ax = figure.add_axes((0.105, 0.14, 0.575, 0.84))
        ax.set_xlim(-0.03, 1.03)
        ax.set_ylim(-0.03, 1.03)
        ax.plot([0, 1], [0, 1], color=FAINT, lw=0.8, zorder=0)
        ax.annotate("attacks cost nothing", (0.5, 0.5), (0, 4), textcoords="offset points",
                    rotation=45, rotation_mode="anchor", transform_rotates_text=True, ha="center",
                    color=MUTED, fontsize=7.5)  # fmt: skip
        for arm in arms:
            x, y, (colour, shape) = across[arm], upward[arm], style[arm]
            ax.plot([x["low"], x["high"]], [y["estimate"]] * 2, color=colour, lw=1.0, zorder=3)
            ax.plot([x["estimate"]] * 2, [y["low"], y["high"]], color=colour, lw=1.0, zorder=3)
            ax.plot(x["estimate"], y["estimate"], marker=shape, ms=5.5, color=colour, zorder=5)
        ax.set_xlabel("Right without an attack")
        ax.set_ylabel("Right under attack")
        places = [(0.0, min(0.97, max(0.03, upward[arm]["estimate"]))) for arm in arms]
        heights = _within(apart(places, 1.0, LINE))
        for arm, height in zip(arms, heights, strict=True):
            colour, shape = style[arm]
            ax.plot(1.06, height, marker=shape, ms=4.5, color=colour, clip_on=False)
            ax.annotate(
                arm, (1.09, height), color=colour, va="center_baseline", annotation_clip=False,
                weight="bold",
            )  # fmt: skip
    return figure


def _within(heights: list[float]) -> list[float]:
    """Pushed up together where the lowest would fall below the plane."""
    lift = max(0.0, 0.0 - min(heights))
    ordered = sorted(range(len(heights)), key=lambda i: heights[i])
    made, floor = list(heights), 0.0
    for i in ordered if lift else []:
        made[i] = max(heights[i], floor)
        floor = made[i] + LINE
    return made
