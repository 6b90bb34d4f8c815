"""How every figure is drawn: palette, type, bytes without dates, labels that keep apart."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.text import Text

from residue.core.text import shown
from residue.report.palette import EDITS, INK, MUTED, SHAPES

STYLE: dict[str, Any] = {
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

_LONGEST_LABEL = 80
"""Characters of a line of text in a figure."""


def render(figure: Figure, kind: Literal["svg", "png"]) -> bytes:
    """The figure as a file's bytes, without dates or versions; PNG at 200 dots per inch.

    Every text in it is made safe here: SVG is XML, which forbids control characters.
    """
    for text in figure.findobj(Text):
        lines = str(text.get_text()).split("\n")
        text.set_text("\n".join(shown(line, _LONGEST_LABEL) for line in lines))
    if kind == "svg":
        blank: dict[str, str | None] = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    else:
        blank = {"Software": None}
    with rc_context(STYLE), io.BytesIO() as file, warnings.catch_warnings():
        # SVG keeps text as text, so the reader's own fonts draw the scripts that ours lacks.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        figure.savefig(file, format=kind, dpi=200, metadata=blank, transparent=kind == "svg")
        return file.getvalue()


def looks(arms: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and shape of each arm: the two references in grey, edits in order of appearance."""
    fixed = {"base": (INK, "o"), "oracle": (MUTED, "o")}
    edits = [arm for arm in arms if arm not in fixed]
    cycle = {arm: (EDITS[i % 6], SHAPES[(i + i // 6) % 6]) for i, arm in enumerate(edits)}
    return {arm: fixed.get(arm) or cycle[arm] for arm in arms}


LETTER, BETWEEN, NAME_LINE = 0.083, 0.2, 0.17
"""Inches: a bold letter, the space between two names, and a line of names."""


def name_lines(arms: Sequence[str], width: float) -> list[list[str]]:
    """The arms' names in as many lines as a figure of `width` inches needs."""
    lines: list[list[str]] = [[]]
    used = 0.0
    for arm in arms:
        size = LETTER * len(arm) + BETWEEN
        if lines[-1] and used + size > width:
            lines.append([])
            used = 0.0
        lines[-1].append(arm)
        used += size
    return lines


def write_names(
    figure: Figure, arms: Sequence[str], style: Mapping[str, tuple[str, str]], left: float
) -> None:
    """The arms' names in their colours over a figure's panels, from `left` (inches) to its edge."""
    width, height = figure.get_size_inches()
    for number, line in enumerate(name_lines(arms, width - left)):
        at = left
        for arm in line:
            y = 1.0 - (0.13 + NAME_LINE * number) / height
            figure.text(at / width, y, arm, color=style[arm][0], weight="bold", va="center")
            at += LETTER * len(arm) + BETWEEN


def nothing(sentence: str) -> Figure:
    """A figure that says why there is none."""
    with rc_context(STYLE):
        figure = Figure(figsize=(5.0, 0.8))
        figure.text(0.5, 0.5, sentence, ha="center", va="center")
    return figure


def apart(points: Sequence[tuple[float, float]], reach: float, gap: float) -> list[float]:
    """Heights of labels at (x, y), each pushed down until none within `reach` in x is nearer than
    `gap` in y; the highest stays where it is."""
    heights = [y for _, y in points]
    placed: list[int] = []
    for i in sorted(range(len(points)), key=lambda i: -points[i][1]):
        near = [k for k in placed if abs(points[k][0] - points[i][0]) < reach]
        for k in sorted(near, key=lambda k: -heights[k]):
            if abs(heights[k] - heights[i]) < gap:
                heights[i] = heights[k] - gap
        placed.append(i)
    return heights
