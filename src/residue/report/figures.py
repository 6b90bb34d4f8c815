"""Figures of a run, drawn from tables; the same table gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from residue.report.drawing import STYLE, apart, looks, nothing
from residue.report.palette import BAND, FAINT, MUTED
from residue.report.rows import records
from residue.report.words import language_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Point = dict[str, Any]
"""One row of the estimates table."""


MOST_NAMED = 4
"""Up to so many points bear their names; more would write over each other near the oracle."""


def tradeoff(
    estimates: pd.DataFrame,
    *,
    forget: str = "forget",
    retain: str = "retain",
    forget_margin: float | None = None,
    retain_margin: float | None = None,
) -> Figure:
    """Forget against retain, one point per arm with both intervals and every seed's own point.

    `forget` and `retain` name estimands without reference in the estimates table. With margins,
    a shaded corner shows which points are as near to the oracle and to the base as those allow: a
    guide, since verdicts need whole intervals, in each slice of their estimands.
    """
    across, upward = _plain(estimates, forget), _plain(estimates, retain)
    arms = [arm for arm in across if arm in upward]
    if not arms:
        return nothing(f"Nothing to draw: {forget} or {retain} has no estimate.")
    style = looks(arms)
    with rc_context(STYLE):
        figure = Figure(figsize=(5.0, 3.9))
        ax = figure.add_axes((0.115, 0.125, 0.85, 0.845))
        bottom = min(upward[arm]["low"] for arm in arms)
        ax.set_xlim(-0.03, 1.03)
        ax.set_ylim(max(0.0, np.floor(10 * bottom) / 10) - 0.03, 1.04)
        _guides(ax, across, upward, forget_margin, retain_margin)
        for arm in arms:
            _cross(ax, across[arm], upward[arm], *style[arm])
        _name_points(ax, arms, across, upward, style)
        ax.set_xlabel("Forget facts answered exactly")
        ax.set_ylabel("Retain facts answered exactly")
        _better(ax, (0.965, 0.045), (0.885, 0.135))
    return figure


def by_language(
    estimates: pd.DataFrame,
    *,
    requested: Sequence[str] = (),
    forget: str = "forget_by_language",
    retain: str = "retain_by_language",
) -> Figure:
    """Forget (left) and retain (right) per language: a row per arm, with interval and seeds.

    `requested` are the languages of the request; they come first and are marked.
    """
    made = estimates[estimates["condition"] == "plain"].dropna(subset=["estimate"])
    sides = [_cells(made[made["estimand"] == name]) for name in (forget, retain)]
    if not sides[0]:
        return nothing(f"Nothing to draw: {forget} has no estimate.")
    arms = list(dict.fromkeys(arm for arm, _ in sides[0]))
    found = dict.fromkeys(code for _, code in sides[0])
    order = sorted(found, key=lambda code: code not in requested)
    style = looks(arms)
    step, head = 1.0, 1.25
    block = head + step * len(arms) + 0.45
    with rc_context(STYLE):
        height = 0.17 * block * len(order) + 0.7
        figure = Figure(figsize=(5.0, height))
        low, up = 0.55 / height, 1.0 - 0.12 / height
        axes = [figure.add_axes((left, low, 0.36, up - low)) for left in (0.2, 0.62)]
        for ax, words in zip(
            axes, ("Forget facts\n← better", "Retain facts\nbetter →"), strict=True
        ):
            _shares(ax, words, block * len(order))
        for k, code in enumerate(order):
            mark = " · asked to forget" if code in requested else ""
            title = language_name(code) + mark
            axes[0].text(-0.52, k * block + 0.75, title, weight="bold", va="center")
            for j, arm in enumerate(arms):
                y = k * block + head + step * (j + 0.4)
                colour = style[arm][0]
                axes[0].text(-0.1, y, arm, color=colour, ha="right", va="center_baseline")
                for ax, cells in zip(axes, sides, strict=True):
                    if (arm, code) in cells:
                        _bar(ax, cells[arm, code], y, *style[arm])
    return figure


def first_rows(counts: pd.DataFrame) -> Figure:
    """Row at which the answer first becomes rank 1: shares of items, one bar per arm and row.

    `counts` has columns arm, row, n; a null row counts items where it never does.
    """
    if not len(counts):
        return nothing("Nothing to draw: first_rank_row was not measured.")
    arms = list(dict.fromkeys(counts["arm"]))
    style = looks(arms)
    last = int(counts["row"].max()) if counts["row"].notna().any() else -1
    width = 0.8 / len(arms)
    with rc_context(STYLE):
        figure = Figure(figsize=(5.0, 2.6))
        ax = figure.add_axes((0.115, 0.185, 0.865, 0.725))
        # Names of many arms are written smaller, so that all of them stand above the bars.
        wide = 8.0 + sum(12.0 + 5.6 * len(arm) for arm in arms)
        along, small = 8.0, min(1.0, 310.0 / wide)
        for k, arm in enumerate(arms):
            table = counts[counts["arm"] == arm]
            shares = table.set_index(table["row"].fillna(last + 1))["n"] / table["n"].sum()
            at = shares.index.to_numpy(dtype=float) + width * (k - (len(arms) - 1) / 2)
            ax.bar(at, shares, width=0.92 * width, color=style[arm][0])
            ax.annotate(
                arm, (0.0, 1.0), (along, 4.0), xycoords="axes fraction", weight="bold",
                textcoords="offset points", color=style[arm][0], annotation_clip=False,
                fontsize=8.5 * small,
            )  # fmt: skip
            along += small * (12.0 + 5.6 * len(arm))
        names = [str(row) for row in range(last + 1)]
        ax.set_xticks(range(last + 2), [*names, "never"])
        ax.set_xlabel("First row where the answer is rank 1 (0 = embeddings)")
        ax.set_ylabel("Share of items")
    return figure


def _plain(estimates: pd.DataFrame, estimand: str) -> dict[str, Point]:
    kept = estimates[(estimates["estimand"] == estimand) & (estimates["condition"] == "plain")]
    found = records(kept.dropna(subset=["estimate"]).drop_duplicates("arm"))
    return {str(row["arm"]): row for row in found}


def _cells(estimates: pd.DataFrame) -> dict[tuple[str, str], Point]:
    """Rows by arm and level of their slice, e.g. ("npo", "hi") for ``language=hi``."""
    return {(row["arm"], row["slice"].rpartition("=")[2]): row for row in records(estimates)}


def _shares(ax: Axes, words: str, height: float) -> None:
    """A panel of shares from 0 to 1, read from the top down."""
    ax.set_xlim(-0.04, 1.04)
    ax.set_ylim(height, 0)
    ax.set_yticks([])
    ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    ax.spines["left"].set_visible(False)
    for tick in (0, 0.5, 1):
        ax.axvline(tick, color=FAINT, lw=0.6, zorder=0)
    ax.set_xlabel(words)


def _guides(
    ax: Axes,
    across: dict[str, Point],
    upward: dict[str, Point],
    forget_margin: float | None,
    retain_margin: float | None,
) -> None:
    line: dict[str, Any] = {"color": MUTED, "lw": 0.7, "ls": (0, (4, 3)), "zorder": 1}
    x = across["oracle"]["estimate"] if "oracle" in across else None
    y = upward["base"]["estimate"] if "base" in upward else None
    if x is not None:
        ax.axvline(x, **line)
    if y is not None:
        ax.axhline(y, **line)
    if x is None or y is None or forget_margin is None or retain_margin is None:
        return
    right, floor = x + forget_margin, y - retain_margin
    corner = (x - forget_margin, floor)
    size = (2 * forget_margin, ax.get_ylim()[1] - floor)
    ax.add_patch(Rectangle(corner, *size, facecolor=BAND, edgecolor="none", zorder=0))
    ax.annotate(
        "guide: both margins", (right, floor), (4, 1), textcoords="offset points",
        fontsize=7, color=MUTED, va="bottom",
    )  # fmt: skip


def _cross(ax: Axes, x: Point, y: Point, colour: str, shape: str) -> None:
    ax.plot([x["low"], x["high"]], [y["estimate"]] * 2, color=colour, lw=1.3, zorder=3)
    ax.plot([x["estimate"]] * 2, [y["low"], y["high"]], color=colour, lw=1.3, zorder=3)
    seeds = list(zip(x["seed_values"], y["seed_values"], strict=False))
    if len(seeds) > 1:
        ax.plot(*zip(*seeds, strict=True), ls="", marker=shape, ms=3, mfc="none", mec=colour,
                mew=0.7, zorder=4)  # fmt: skip
    ax.plot(x["estimate"], y["estimate"], marker=shape, ms=6.5, color=colour, zorder=5)


def _bar(ax: Axes, row: Point, y: float, colour: str, shape: str) -> None:
    ax.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.3, zorder=3)
    if len(row["seed_values"]) > 1:
        ax.plot(row["seed_values"], [y] * len(row["seed_values"]), ls="", marker="|", ms=8,
                color=colour, mew=0.8, zorder=4)  # fmt: skip
    ax.plot(row["estimate"], y, marker=shape, ms=4.5, color=colour, zorder=5)


def _name_points(
    ax: Axes,
    arms: Sequence[str],
    across: dict[str, Point],
    upward: dict[str, Point],
    style: dict[str, tuple[str, str]],
) -> None:
    if len(arms) > MOST_NAMED:
        _key(ax, arms, style)
        return
    span = ax.get_ylim()[1] - ax.get_ylim()[0]
    for right in (False, True):
        side = [arm for arm in arms if (across[arm]["estimate"] < 0.8) == right]
        points = [(across[arm]["estimate"], upward[arm]["estimate"] - 0.035 * span) for arm in side]
        for arm, (x, _), y in zip(side, points, apart(points, 0.25, 0.05 * span), strict=True):
            ax.annotate(
                arm, (x, y), (7 if right else -7, 0), textcoords="offset points", va="center",
                ha="left" if right else "right", color=style[arm][0], weight="bold", zorder=6,
            )  # fmt: skip


def _key(ax: Axes, arms: Sequence[str], style: dict[str, tuple[str, str]]) -> None:
    """Names in the middle, where no good edit and no control lies."""
    for k, arm in enumerate(arms):
        colour, shape = style[arm]
        at: dict[str, Any] = {"transform": ax.transAxes, "color": colour}
        ax.plot(0.45, 0.66 - 0.065 * k, marker=shape, ms=5.5, ls="", **at)
        ax.text(0.48, 0.66 - 0.065 * k, arm, va="center_baseline", weight="bold", **at)


def _better(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate(
        "", end, start, xycoords="axes fraction", textcoords="axes fraction",
        arrowprops={"arrowstyle": "->", "color": MUTED, "lw": 1.0},
    )  # fmt: skip
    ax.text(start[0] - 0.045, start[1] - 0.012, "better", transform=ax.transAxes, ha="right",
            va="center", color=MUTED, fontsize=7.5)  # fmt: skip
