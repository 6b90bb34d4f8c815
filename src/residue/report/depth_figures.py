"""Figures of depth: curves over the rows of each arm, and single prompts cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from residue.report.drawing import NAME_LINE, STYLE, looks, name_lines, nothing, write_names
from residue.report.palette import EDITS, FAINT, INK, MUTED
from residue.report.traces import Cells, Prompt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVES = (
    ("set=forget,requested=true", "Forget facts, languages asked for"),
    ("set=forget,requested=false", "Forget facts, other languages"),
    ("set=retain_untouched,requested=false", "Retain facts outside the edit's data"),
)
PANELS = (
    ("log_odds", "Answer against foil, nats"),
    ("first", "Share of answers at rank 1"),
)
DEEPEST = 0.62
"""Opacity of the fullest cell: text on it stays readable on light and dark paper."""
STRONG = 6.0
"""Nats of change at which a cell of the difference is filled fully."""
LETTER = 0.62
"""Width of a letter in ems, for cutting a token to its cell."""


def trajectories(depth: pd.DataFrame, lens: str) -> Figure:
    """What a lens reads at each row of each arm: a line of panels per set of facts, with bands.

    depth: as from `residue.report.depth.depth_table`. Left the log-odds of answer against foil,
    right the share of answers at rank 1.
    """
    mine = depth[
        (depth["lens"] == lens) & (depth["reference"] == "none") & (depth["condition"] == "plain")
    ]
    mine = mine.dropna(subset=["row", "estimate"])
    shown = [(key, words) for key, words in CURVES if (mine["slice"] == key).any()]
    if not shown:
        return nothing(f"Nothing to draw: the lens {lens} read none of the facts.")
    arms = list(dict.fromkeys(mine["arm"]))
    style = looks(arms)
    with rc_context(STYLE):
        more = NAME_LINE * (len(name_lines(arms, 4.55)) - 1)
        height = 0.45 + 1.95 * len(shown) + more
        figure = Figure(figsize=(5.0, height))
        for line, (key, words) in enumerate(shown):
            bottom = (0.45 + 1.95 * (len(shown) - 1 - line)) / height
            figure.text(0.09, bottom + 1.44 / height, words, weight="bold", va="bottom")
            for column, (quantity, label) in enumerate(PANELS):
                ax = figure.add_axes((0.09 + 0.49 * column, bottom, 0.41, 1.2 / height))
                part = mine[(mine["slice"] == key) & (mine["quantity"] == quantity)]
                _curves(ax, part, arms, style)
                ax.set_title(label, fontsize=7.5, color=MUTED, loc="left", pad=2)
                if quantity == "first":
                    ax.set_ylim(-0.04, 1.04)
                if line == len(shown) - 1:
                    ax.set_xlabel("Row (0 = embeddings)")
        write_names(figure, arms, style, 0.45)
    return figure


def _curves(
    ax: Axes, table: pd.DataFrame, arms: Sequence[str], style: dict[str, tuple[str, str]]
) -> None:
    ax.axhline(0.0, color=FAINT, lw=0.6, zorder=0)
    for arm in arms:
        line = table[table["arm"] == arm].sort_values("row")
        if not len(line):
            continue
        colour, shape = style[arm]
        row = line["row"].to_numpy(dtype=float)
        low, high = line["low"].to_numpy(dtype=float), line["high"].to_numpy(dtype=float)
        finite = np.isfinite(low) & np.isfinite(high)
        ax.fill_between(row[finite], low[finite], high[finite], color=colour, alpha=0.16, lw=0)
        ax.plot(row, line["estimate"], color=colour, lw=1.3, marker=shape, ms=2.8, zorder=3)
    if len(table):
        ax.set_xticks(range(int(table["row"].max()) + 1))


def heat_maps(prompts: Sequence[Prompt], arm: str) -> Figure:
    """Rows against positions with the likeliest token in each cell: base, arm, difference.

    Base and arm: fuller where that token is likelier. Difference: how the log-probability of the
    answer's first token changes, and the arm's token where it is another than the base's.
    """
    if not prompts:
        return nothing("Nothing to draw: no prompt was traced.")
    sizes = [0.16 * len(each.base.top) for each in prompts]
    title, label, foot = 0.3, 0.2, 0.34
    blocks = [title + 3 * (label + size) + foot for size in sizes]
    height = sum(blocks)
    with rc_context(STYLE):
        figure = Figure(figsize=(6.4, height))
        top = height
        for each, size, block in zip(prompts, sizes, blocks, strict=True):
            figure.text(0.005, (top - 0.06) / height, each.title, weight="bold", va="top")
            at = top - title
            panels = (
                ("base", _shares(each.base)),
                (arm, _shares(each.arm)),
                (f"{arm} minus base: the answer's log-probability", _change(each)),
            )
            for number, (words, drawn) in enumerate(panels):
                figure.text(0.06, (at - 0.05) / height, words, va="top", fontsize=7.5, color=MUTED)
                bottom = at - label - size
                ax = figure.add_axes((0.06, bottom / height, 0.935, size / height))
                texts, fill, colours = drawn
                names = each.base.prompt if number == 2 else ()
                _cells(ax, texts, fill, colours, names)
                at = bottom
            top -= block
    return figure


def _shares(cells: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Texts, fill (0 to 1) and colours of a model's own cells."""
    return cells.top, cells.top_p, np.full(cells.top.shape, EDITS[0], dtype=object)


def _change(prompt: Prompt) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same of the difference: blue where the answer gained, orange where it lost."""
    change = prompt.arm.answer_logp - prompt.base.answer_logp
    other = prompt.arm.top != prompt.base.top
    texts = np.where(other, prompt.arm.top, "").astype(object)
    colours = np.where(change > 0, EDITS[0], EDITS[1]).astype(object)
    return texts, np.minimum(np.abs(change) / STRONG, 1.0), colours


def _cells(
    ax: Axes, texts: np.ndarray, fill: np.ndarray, colours: np.ndarray, prompt: Sequence[str]
) -> None:
    rows, positions = texts.shape
    ax.set_xlim(0, positions)
    ax.set_ylim(0, rows)
    size = 6.4
    letters = max(int(6.4 * 0.935 * 72 / positions / (LETTER * size)), 2)
    for row in range(rows):
        for position in range(positions):
            ax.add_patch(
                Rectangle((position, row), 0.97, 0.94, facecolor=colours[row, position],
                          edgecolor="none", alpha=float(DEEPEST * fill[row, position]))
            )  # fmt: skip
            ax.text(position + 0.485, row + 0.45, _cut(texts[row, position], letters), ha="center",
                    va="center", fontsize=size, color=INK)  # fmt: skip
    ax.set_yticks(np.arange(rows) + 0.47, [str(row) for row in range(rows)], fontsize=6.4)
    names = [_cut(token, letters) for token in prompt]
    ax.set_xticks(np.arange(positions) + 0.485, names or [""] * positions, fontsize=size)
    ax.tick_params(length=0, pad=2)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _cut(token: str, letters: int) -> str:
    """A token without its space, cut to what a cell holds; a lone space stays visible."""
    text = token.strip() or "␣" * bool(token)
    return text if len(text) <= letters else text[: letters - 1] + "…"
