"""Figures of a run, drawn from tables; the same table gives the same bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from residue.report.words import language_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, MUTED, FAINT, BAND = "#22262b", "#6a737d", "#d8dde2", "#eef1f4"
# Okabe and Ito's palette, told apart by readers of every kind of colour vision; the shapes
# repeat the distinction for grey print.
EDITS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
SHAPES = ("o", "s", "D", "^", "v", "P")
_RC = {
    "svg.hashsalt": "residue",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
}


def render(figure: Figure, kind: Literal["svg", "png"]) -> bytes:
    """The figure as a file's bytes, without dates or versions; PNG at 200 dots per inch."""
    if kind == "svg":
        blank: dict[str, str | None] = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    else:
        blank = {"Software": None}
    with rc_context(_RC), io.BytesIO() as file:
        figure.savefig(file, format=kind, dpi=200, metadata=blank, transparent=kind == "svg")
        return file.getvalue()


def looks(arms: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and shape of each arm: the two references in grey, edits in order of appearance."""
    fixed = {"base": (INK, "o"), "oracle": (MUTED, "o")}
    edits = [arm for arm in arms if arm not in fixed]
    cycle = {arm: (EDITS[i % 6], SHAPES[(i + i // 6) % 6]) for i, arm in enumerate(edits)}
    return {arm: fixed.get(arm) or cycle[arm] for arm in arms}


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
    a shaded corner shows what counts as equal to the oracle and as no worse than the base.
    """
    across, upward = _plain(estimates, forget), _plain(estimates, retain)
    arms = [arm for arm in across.index if arm in upward.index]
    if not arms:
        return _nothing(f"Nothing to draw: {forget} or {retain} has no estimate.")
    style = looks(arms)
    with rc_context(_RC):
        figure = Figure(figsize=(5.0, 3.9))
        ax = figure.add_axes((0.115, 0.125, 0.85, 0.845))
        bottom = min(float(upward.loc[arm, "low"]) for arm in arms)
        ax.set_xlim(-0.03, 1.03)
        ax.set_ylim(max(0.0, np.floor(10 * bottom) / 10) - 0.03, 1.04)
        _guides(ax, across, upward, forget_margin, retain_margin)
        for arm in arms:
            _cross(ax, across.loc[arm], upward.loc[arm], *style[arm])
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
    sides = [made[made["estimand"] == name] for name in (forget, retain)]
    if not len(sides[0]):
        return _nothing(f"Nothing to draw: {forget} has no estimate.")
    found = list(dict.fromkeys(_level(text) for text in sides[0]["slice"]))
    order = [code for code in found if code in requested]
    order += [code for code in found if code not in requested]
    arms = list(dict.fromkeys(sides[0]["arm"]))
    style = looks(arms)
    step, head = 1.0, 1.25
    block = head + step * len(arms) + 0.45
    with rc_context(_RC):
        height = 0.17 * block * len(order) + 0.7
        figure = Figure(figsize=(5.0, height))
        low, up = 0.55 / height, 1.0 - 0.12 / height
        for side, (table, left) in enumerate(zip(sides, (0.2, 0.62), strict=True)):
            ax = figure.add_axes((left, low, 0.36, up - low))
            ax.set_xlim(-0.04, 1.04)
            ax.set_ylim(block * len(order), 0)
            ax.set_yticks([])
            ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
            ax.spines["left"].set_visible(False)
            for tick in (0, 0.5, 1):
                ax.axvline(tick, color=FAINT, lw=0.6, zorder=0)
            ax.set_xlabel(("Forget facts\n← better", "Retain facts\nbetter →")[side])
            for k, code in enumerate(order):
                top = k * block
                if side == 0:
                    mark = " · asked to forget" if code in requested else ""
                    ax.text(-0.52, top + 0.75, language_name(code) + mark, weight="bold", va="center")
                for j, arm in enumerate(arms):
                    y = top + head + step * (j + 0.4)
                    if side == 0:
                        ax.text(-0.1, y, arm, ha="right", va="center_baseline", color=style[arm][0])
                    row = table[(table["arm"] == arm) & (table["slice"].map(_level) == code)]
                    if len(row):
                        _bar(ax, row.iloc[0], y, *style[arm])
    return figure


def first_rows(counts: pd.DataFrame) -> Figure:
    """Row at which the answer first becomes rank 1: shares of items, one bar per arm and row.

    `counts` has columns arm, row, n; a null row counts items where it never does.
    """
    arms = list(dict.fromkeys(counts["arm"]))
    style = looks(arms)
    last = int(counts["row"].max())
    width = 0.8 / len(arms)
    with rc_context(_RC):
        figure = Figure(figsize=(5.0, 2.6))
        ax = figure.add_axes((0.115, 0.185, 0.865, 0.725))
        for k, arm in enumerate(arms):
            table = counts[counts["arm"] == arm]
            shares = table.set_index(table["row"].fillna(last + 1))["n"] / table["n"].sum()
            at = shares.index.to_numpy(dtype=float) + width * (k - (len(arms) - 1) / 2)
            ax.bar(at, shares, width=0.92 * width, color=style[arm][0])
            ax.annotate(
                arm, (0.0, 1.0), (8.0 + 60.0 * k, 4.0), xycoords="axes fraction", weight="bold",
                textcoords="offset points", color=style[arm][0], annotation_clip=False,
            )  # fmt: skip
        names = [str(row) for row in range(last + 1)]
        ax.set_xticks(range(last + 2), [*names, "never"])
        ax.set_xlabel("First row where the answer is rank 1 (0 = embeddings)")
        ax.set_ylabel("Share of items")
    return figure


def _nothing(sentence: str) -> Figure:
    with rc_context(_RC):
        figure = Figure(figsize=(5.0, 0.8))
        figure.text(0.5, 0.5, sentence, ha="center", va="center")
    return figure


def _plain(estimates: pd.DataFrame, estimand: str) -> pd.DataFrame:
    kept = estimates[(estimates["estimand"] == estimand) & (estimates["condition"] == "plain")]
    return kept.dropna(subset=["estimate"]).drop_duplicates("arm").set_index("arm")


def _level(text: str) -> str:
    return str(text).rpartition("=")[2]


def _guides(
    ax: Axes,
    across: pd.DataFrame,
    upward: pd.DataFrame,
    forget_margin: float | None,
    retain_margin: float | None,
) -> None:
    line = {"color": MUTED, "lw": 0.7, "ls": (0, (4, 3)), "zorder": 1}
    x = float(across.loc["oracle", "estimate"]) if "oracle" in across.index else None
    y = float(upward.loc["base", "estimate"]) if "base" in upward.index else None
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
        "within both margins", (right, floor), (4, 1), textcoords="offset points",
        fontsize=7, color=MUTED, va="bottom",
    )  # fmt: skip


def _cross(ax: Axes, x: pd.Series, y: pd.Series, colour: str, shape: str) -> None:
    ax.plot([x["low"], x["high"]], [y["estimate"]] * 2, color=colour, lw=1.3, zorder=3)
    ax.plot([x["estimate"]] * 2, [y["low"], y["high"]], color=colour, lw=1.3, zorder=3)
    seeds = list(zip(x["seed_values"], y["seed_values"], strict=False))
    if len(seeds) > 1:
        ax.plot(*zip(*seeds, strict=True), ls="", marker=shape, ms=3, mfc="none", mec=colour,
                mew=0.7, zorder=4)  # fmt: skip
    ax.plot(x["estimate"], y["estimate"], marker=shape, ms=6.5, color=colour, zorder=5)


def _bar(ax: Axes, row: pd.Series, y: float, colour: str, shape: str) -> None:
    ax.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.3, zorder=3)
    if len(row["seed_values"]) > 1:
        ax.plot(row["seed_values"], [y] * len(row["seed_values"]), ls="", marker="|", ms=8,
                color=colour, mew=0.8, zorder=4)  # fmt: skip
    ax.plot(row["estimate"], y, marker=shape, ms=4.5, color=colour, zorder=5)


def _name_points(
    ax: Axes,
    arms: Sequence[str],
    across: pd.DataFrame,
    upward: pd.DataFrame,
    style: dict[str, tuple[str, str]],
) -> None:
    span = ax.get_ylim()[1] - ax.get_ylim()[0]
    for right in (False, True):
        side = [arm for arm in arms if (float(across.loc[arm, "estimate"]) < 0.8) == right]
        heights = [float(upward.loc[arm, "estimate"]) - 0.035 * span for arm in side]
        for arm, y in zip(side, _spread(heights, 0.05 * span), strict=True):
            ax.annotate(
                arm, (float(across.loc[arm, "estimate"]), y), (7 if right else -7, 0),
                textcoords="offset points", ha="left" if right else "right", va="center",
                color=style[arm][0], weight="bold", zorder=6,
            )  # fmt: skip


def _spread(heights: Sequence[float], gap: float) -> list[float]:
    """Heights pushed down just far enough that neighbours keep `gap` apart."""
    placed = list(heights)
    order = sorted(range(len(placed)), key=lambda i: -placed[i])
    for above, below in zip(order, order[1:], strict=False):
        placed[below] = min(placed[below], placed[above] - gap)
    return placed


def _better(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate(
        "", end, start, xycoords="axes fraction", textcoords="axes fraction",
        arrowprops={"arrowstyle": "->", "color": MUTED, "lw": 1.0},
    )  # fmt: skip
    ax.text(start[0] - 0.045, start[1] - 0.012, "better", transform=ax.transAxes, ha="right",
            va="center", color=MUTED, fontsize=7.5)  # fmt: skip
