"""Figures of the tests: readouts row by row, what orders do, calibration, the causal picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from residue.report.drawing import NAME_LINE, STYLE, looks, name_lines, nothing, write_names
from residue.report.palette import BAND, EDITS, FAINT, INK, MUTED
from residue.report.tests import NOT_SHOWN, ORACLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLACES = {"S": (0.0, 2.0), "D": (0.0, 1.0), "I": (0.0, 0.0), "R": (1.2, 1.0), "O": (2.4, 1.0)}
"""Where the nodes of a graph stand: causes left, outcome right."""
WRONG_COLOUR = EDITS[1]
MARKERS = ("o", "s", "D", "^", "v", "P")


def readouts(tests: pd.DataFrame) -> Figure:
    """Left AUROC of the readout per arm and row, with the range of dealt answers; right the excess
    over the oracle with its band and ± δ. Rows that are not shown are hollow."""
    level = tests[tests["test"] == "readout_hsic"]
    excess = tests[tests["test"] == "readout_excess"]
    if not len(level) or not level["effect"].notna().any():
        return nothing("Nothing to draw: no row could be tested.")
    arms = list(dict.fromkeys(level["arm"]))
    style = looks(arms)
    with rc_context(STYLE):
        figure, panel = _two_panels(arms, 2.6, foot=0.44)
        left, right = figure.add_axes(panel(0.075)), figure.add_axes(panel(0.575))
        control = level[level["arm"] == ORACLE].groupby("row")[["low", "high"]].mean()
        left.fill_between(
            control.index.to_numpy(float), control["low"], control["high"], color=BAND, lw=0
        )
        for arm in arms:
            mine = level[level["arm"] == arm]
            mean = mine.groupby("row")["effect"].mean()
            hidden = mine[mine["decision"] == NOT_SHOWN]["row"].unique()
            _line(left, mean.index.to_numpy(float), mean.to_numpy(), hidden, style[arm])
        for arm, mine in excess.groupby("arm", sort=False):
            rows = mine["row"].to_numpy(float)
            hidden = mine.loc[mine["decision"] == NOT_SHOWN, "row"].to_numpy()
            low, high = mine["low"].to_numpy(float), mine["high"].to_numpy(float)
            right.fill_between(rows, low, high, color=style[str(arm)][0], alpha=0.14, lw=0)
            _line(right, rows, mine["effect"].to_numpy(float), hidden, style[str(arm)])
        left.set_ylim(0.3, 1.02)
        left.set_title("AUROC, answer against foils", fontsize=7.5, color=MUTED, loc="left", pad=2)
        right.set_title("minus the oracle's", fontsize=7.5, color=MUTED, loc="left", pad=2)
        left.axhline(0.5, color=FAINT, lw=0.6, zorder=0)
        if len(excess):
            margin = float(excess["margin"].iloc[0])
            right.axhspan(-margin, margin, color=BAND, lw=0, zorder=0)
        right.axhline(0.0, color=FAINT, lw=0.6, zorder=0)
        for ax in (left, right):
            ax.set_xlabel("Row (0 = embeddings)")
            ax.set_xticks(sorted(set(level["row"].astype(int))))
        write_names(figure, arms, style, 0.48)
    return figure


def orders(tests: pd.DataFrame) -> Figure:
    """Share of a hidden order's effect that rows carry: brought back by the clean twin's row (left)
    and brought about by the attacked twin's row (right)."""
    mine = tests[tests["test"].isin(["order_carried", "order_carried_back"])]
    if not mine["effect"].notna().any():
        return nothing("Nothing to draw: no order changed an answer that it should not.")
    arms = list(dict.fromkeys(mine["arm"]))
    style = looks(arms)
    with rc_context(STYLE):
        figure, panel = _two_panels(arms, 2.4, foot=0.43)
        for place, (test, words) in enumerate(
            (
                ("order_carried", "clean row in the attacked run: brought back"),
                ("order_carried_back", "attacked row in the clean run: brought about"),
            )
        ):
            ax = figure.add_axes(panel(0.075 + 0.5 * place))
            for arm, part in mine[mine["test"] == test].groupby("arm", sort=False):
                rows = part["row"].to_numpy(float)
                low, high = part["low"].to_numpy(float), part["high"].to_numpy(float)
                ax.fill_between(rows, low, high, color=style[str(arm)][0], alpha=0.14, lw=0)
                _line(ax, rows, part["effect"].to_numpy(float), np.zeros(0), style[str(arm)])
            ax.set_title(words, fontsize=7.5, color=MUTED, loc="left", pad=2)
            ax.set_ylim(-0.05, 1.1)
            ax.set_xlabel("Row")
            ax.set_xticks(sorted(set(mine["row"].astype(int))))
            ax.axhline(1.0, color=FAINT, lw=0.6, zorder=0)
        write_names(figure, arms, style, 0.48)
    return figure


def calibration(table: pd.DataFrame) -> Figure:
    """Left: rejection rate at 0.05 without dependence, with the band that it must lie in; right:
    power against what was planted."""
    null = table[(table["strength"] == 0.0) & (table["level"] == 0.05)].reset_index(drop=True)
    power = table[(table["strength"] > 0.0) & (table["level"] == 0.05)]
    dimensions = sorted(set(table["dimensions"]))
    shades = {each: MARKERS[k % len(MARKERS)] for k, each in enumerate(dimensions)}
    designs = list(dict.fromkeys(null["design"]))
    with rc_context(STYLE):
        figure = Figure(figsize=(6.4, 0.9 + 0.3 * len(designs)))
        left = figure.add_axes((0.22, 0.22, 0.33, 0.62))
        right = figure.add_axes((0.64, 0.22, 0.34, 0.62))
        left.axvspan(null["low"].max(), null["high"].min(), color=BAND, lw=0, zorder=0)
        left.axvline(0.05, color=FAINT, lw=0.8, zorder=0)
        for place, design in enumerate(designs):
            for number, d in enumerate(dimensions):
                for _, line in null[
                    (null["design"] == design) & (null["dimensions"] == d)
                ].iterrows():
                    height = -place + 0.18 * (number - (len(dimensions) - 1) / 2)
                    colour = INK if bool(line["inside"]) else WRONG_COLOUR
                    left.plot(line["rate"], height, shades.get(d, "o"), color=colour, ms=3.2)
        left.set_yticks([-place for place in range(len(designs))], designs)
        left.set_xlim(-0.03, 1.05)
        left.set_xlabel("share rejected at 0.05, nothing planted")
        for place, (design, part) in enumerate(power.groupby("design", sort=False)):
            for d in dimensions:
                each, shape = part[part["dimensions"] == d], shades.get(d, "o")
                right.plot(each["strength"], each["rate"], color=EDITS[place % 6], lw=1.0,
                           marker=shape, ms=3.0)  # fmt: skip
            figure.text(0.64 + 0.09 * place, 0.9, str(design), color=EDITS[place % 6],
                        weight="bold", fontsize=7.5)  # fmt: skip
        right.set_ylim(-0.03, 1.05)
        right.set_xlabel("planted, in noise s.d.")
        signs = {"o": "●", "s": "■", "D": "◆", "^": "▲", "v": "▼", "P": "✚"}
        legend = "   ".join(f"{signs[shades[d]]} d = {d}" for d in dimensions if d in shades)
        figure.text(0.22, 0.9, legend, fontsize=7.5, color=MUTED)
    return figure


def graphs(table: pd.DataFrame) -> Figure:
    """Graphs found for each arm (columns) and row (lines): an edge's width is its share of
    resamples, full where the search on all countries found it, dotted where only resamples did."""
    drawn = table[table["reason"] == ""]
    if not len(drawn):
        return nothing("Nothing to draw: too few countries for a causal search.")
    arms = list(dict.fromkeys(drawn["arm"]))
    rows = sorted(set(drawn["row"].astype(int)))
    with rc_context(STYLE):
        width, height = 3.1 * len(arms), 1.75 * len(rows)
        figure = Figure(figsize=(width, height))
        for line, row in enumerate(rows):
            for column, arm in enumerate(arms):
                part = drawn[(drawn["arm"] == arm) & (drawn["row"] == row)]
                box = (column / len(arms), 1 - (line + 1) / len(rows), 1 / len(arms), 1 / len(rows))
                ax = figure.add_axes((box[0], box[1], box[2], box[3]))
                if len(part):
                    _graph(ax, part)
                    k = int(part["components"].iloc[0])
                    ax.text(-0.35, 2.62, f"{arm}, row {row} ({k} components)", fontsize=8,
                            weight="bold", va="top")  # fmt: skip
    return figure


Box = tuple[float, float, float, float]


def _two_panels(
    arms: Sequence[str], height: float, foot: float
) -> tuple[Figure, Callable[[float], Box]]:
    """A figure for two panels below the arms' names, and a panel's box by its left edge."""
    whole = height + NAME_LINE * (len(name_lines(arms, 5.9)) - 1)
    inner = height - foot - 0.53

    def panel(left: float) -> Box:
        return (left, foot / whole, 0.405, inner / whole)

    return Figure(figsize=(6.4, whole)), panel


def _graph(ax: Axes, edges: pd.DataFrame) -> None:
    ax.set_xlim(-0.45, 2.85)
    ax.set_ylim(-0.45, 2.7)
    ax.axis("off")
    for edge in edges.to_dict("records"):
        if edge["found"] == "none" and not edge["adjacent"] > 0.0:
            continue
        start, end = (np.array(PLACES[edge[name]]) for name in ("source", "target"))
        if edge["found"] == "backward":
            start, end = end, start
        step = (end - start) / math.dist(start, end)
        # S and I, and D and O, have a node between them: their edges bow.
        bow = 0.35 if {edge["source"], edge["target"]} in ({"S", "I"}, {"D", "O"}) else 0.0
        full = edge["found"] != "none"
        ax.annotate(
            "", xy=tuple(end - 0.19 * step), xytext=tuple(start + 0.19 * step),
            arrowprops={
                "arrowstyle": "-|>" if edge["found"] in ("forward", "backward") else "-",
                "color": INK if full else MUTED,
                "lw": 0.5 + 2.0 * edge["adjacent"],
                "linestyle": "-" if full else ":",
                "connectionstyle": f"arc3,rad={bow}",
                "mutation_scale": 8,
            },
        )  # fmt: skip
        # Beside the edge, on long ones behind the middle, where no other one crosses; edges
        # between causes are named to their left.
        share = 0.62 if edge["target"] == "O" and edge["source"] != "R" else 0.5
        middle = start + share * (end - start) + bow * np.array([-step[1], step[0]]) * -0.35
        upright = abs(step[0]) < 0.1
        x, y = float(middle[0]) - 0.05 * upright, float(middle[1]) + 0.06 * (not upright)
        across, along = ("right", "center") if upright else ("center", "bottom")
        words = f"{edge['adjacent']:.2f}"
        ax.text(x, y, words, fontsize=6.2, color=MUTED, ha=across, va=along)
    for name, (x, y) in PLACES.items():
        ax.text(x, y, name, ha="center", va="center", weight="bold", fontsize=9.5)


def _line(
    ax: Axes, rows: np.ndarray, values: np.ndarray, hidden: np.ndarray, look: tuple[str, str]
) -> None:
    """A curve whose hidden rows are hollow."""
    colour, shape = look
    ax.plot(rows, values, color=colour, lw=1.2, zorder=3)
    kept = ~np.isin(rows, np.asarray(hidden, dtype=float))
    ax.plot(rows[kept], values[kept], shape, color=colour, ms=3.0, zorder=4)
    ax.plot(rows[~kept], values[~kept], shape, mec=colour, mfc="none", ms=3.0, zorder=4)
