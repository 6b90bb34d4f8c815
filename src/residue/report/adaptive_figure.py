"""Figure of attackers who adapt: success by attempts, a panel per attacker, a line per arm."""

from __future__ import annotations

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from residue.report.adaptive import EVERYONE
from residue.report.drawing import STYLE, apart, looks, nothing
from residue.report.palette import FAINT
from residue.report.rows import records
from residue.report.words import plain_name

ACROSS = 2
"""Panels in a row."""
HEIGHT = 2.0
"""Inches of a row of panels."""


def curves(table: pd.DataFrame) -> Figure:
    """Share of countries on which any of n attempts succeeds (up) over n (across, doubling).

    Bands are intervals over countries and seeds. Attackers who try once, or whose success could
    not be estimated, have no line.
    """
    levels = table[(table["measure"] == "obeyed") & (table["reference"] == "none")]
    shown = levels[levels["attacker"] != EVERYONE].dropna(subset=["estimate"])
    attackers = list(dict.fromkeys(shown["attacker"]))
    if not attackers:
        return nothing("Nothing to draw: no attacker was tried.")
    style = looks(list(dict.fromkeys(shown["arm"])))
    rows = -(-len(attackers) // ACROSS)
    with rc_context(STYLE):
        figure = Figure(figsize=(6.4, HEIGHT * rows + 0.2))
        for place, attacker in enumerate(attackers):
            down, right = divmod(place, ACROSS)
            left, bottom = 0.07 + 0.5 * right, 1 - (down + 0.76) * HEIGHT / (HEIGHT * rows + 0.2)
            ax = figure.add_axes((left, bottom, 0.30, 0.58 * HEIGHT / (HEIGHT * rows + 0.2)))
            ax.set_title(plain_name(attacker), loc="left", fontsize=8.5, weight="bold")
            ax.set_xscale("log", base=2)
            ax.set_ylim(-0.03, 1.03)
            ax.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
            for tick in (0, 0.5, 1):
                ax.axhline(tick, color=FAINT, lw=0.6, zorder=0)
            mine = shown[shown["attacker"] == attacker]
            ticks = sorted(set(mine["n"]), reverse=True)[:: 2 if mine["n"].nunique() > 5 else 1]
            ax.set_xticks(ticks, [str(n) for n in ticks])
            ax.minorticks_off()
            ax.set_xlabel("Attempts per item")
            ends = []
            for arm in dict.fromkeys(mine["arm"]):
                points = records(mine[mine["arm"] == arm].sort_values("n"))
                colour, shape = style[arm]
                x = [row["n"] for row in points]
                low, high = ([row[end] for row in points] for end in ("low", "high"))
                ax.fill_between(x, low, high, color=colour, alpha=0.15, lw=0, zorder=2)
                ax.plot(x, [row["estimate"] for row in points], color=colour, lw=1.2,
                        marker=shape, ms=3.5, zorder=4)  # fmt: skip
                ends.append((arm, x[-1], points[-1]["estimate"]))
            heights = apart([(0.0, y) for _, _, y in ends], 1.0, 0.15)
            for (arm, x_end, _), height in zip(ends, heights, strict=True):
                ax.annotate(
                    arm, (x_end, height), (6, 0), textcoords="offset points", va="center",
                    color=style[arm][0], weight="bold", annotation_clip=False,
                )  # fmt: skip
    return figure
