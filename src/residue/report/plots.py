"""Small pictures written as SVG for the page itself: curves with controls, points against points.

They follow the reader's colour scheme through the page's variables, and name their lines directly,
so that no colour has to be told apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from residue.report.markup import escape

WIDTH, HEIGHT = 360.0, 210.0
LEFT, RIGHT, TOP, BOTTOM = 34.0, 92.0, 14.0, 36.0
LINE = 12.0
"""Least distance of two names."""


@dataclass(frozen=True)
class Point:
    """One value with its interval; `across` may be anything that grows."""

    across: float
    up: float
    low: float
    high: float


@dataclass(frozen=True)
class Series:
    """The points of one model."""

    name: str
    colour: str
    points: tuple[Point, ...]


def colours(arms: Sequence[str]) -> dict[str, str]:
    """The page's colour of each arm: base and oracle in grey, edits in order of appearance."""
    fixed = {"base": "var(--ink)", "oracle": "var(--muted)"}
    edits = [arm for arm in dict.fromkeys(arms) if arm not in fixed]
    return fixed | {arm: f"var(--edit{i % 6})" for i, arm in enumerate(edits)}


def curves(series: Sequence[Series], across: str, up: str, label: str) -> str:
    """Shares from 0 to 1 over the square root of `across`, one line per model, named at its end."""
    xs = sorted({point.across for each in series for point in each.points})
    far = max(xs, default=1.0) or 1.0
    frame = _Frame(0.0, math.sqrt(far), -0.02, 1.02)
    parts = [frame.axes(across, up, [(math.sqrt(x), f"{x:g}") for x in xs], _SHARES)]
    ends: list[tuple[float, Series]] = []
    for each in series:
        path = " ".join(f"{frame.x(math.sqrt(p.across)):.1f},{frame.y(p.up):.1f}"
                        for p in each.points)  # fmt: skip
        bars = "".join(
            f'<line x1="{frame.x(math.sqrt(p.across)):.1f}" x2="{frame.x(math.sqrt(p.across)):.1f}"'
            f' y1="{frame.y(p.low):.1f}" y2="{frame.y(p.high):.1f}" stroke-opacity=".45"/>'
            for p in each.points
        )
        dots = "".join(
            f'<circle cx="{frame.x(math.sqrt(p.across)):.1f}" cy="{frame.y(p.up):.1f}" r="3"/>'
            for p in each.points
        )
        dash = ' stroke-dasharray="5 3"' if each.name in ("base", "oracle") else ""
        parts.append(
            f'<g stroke="{each.colour}" fill="{each.colour}">{bars}'
            f'<polyline points="{path}" fill="none" stroke-width="1.8"{dash}/>{dots}</g>'
        )
        ends.append((frame.y(each.points[-1].up), each))
    parts += _names(ends, frame)
    return _svg(parts, label)


def scatter(series: Sequence[Series], across: str, up: str, label: str) -> str:
    """Points of several models; `up` is cut to what is there, `across` to 0 to 1 and beyond."""
    points = [point for each in series for point in each.points]
    ups = [point.up for point in points] or [0.0]
    low, high = min(0.0, *ups) - 0.04, max(0.5, *ups) + 0.04
    frame = _Frame(-0.02, 1.02, low, high)
    ticks = [(at, f"{at:g}") for at in (0.0, 0.5, 1.0) if low <= at <= high]
    parts = [frame.axes(across, up, _SHARES, ticks)]
    ends = []
    for each in series:
        dots = "".join(
            f'<circle cx="{frame.x(p.across):.1f}" cy="{frame.y(p.up):.1f}" r="4"/>'
            for p in each.points
        )
        parts.append(f'<g fill="{each.colour}" fill-opacity=".85">{dots}</g>')
        ends.append((frame.y(sum(p.up for p in each.points) / len(each.points)), each))
    parts += _names(ends, frame)
    return _svg(parts, label)


_SHARES = [(0.0, "0"), (0.5, "0.5"), (1.0, "1")]


@dataclass(frozen=True)
class _Frame:
    """Where values lie in the picture."""

    left: float
    right: float
    low: float
    high: float

    def x(self, value: float) -> float:
        share = (value - self.left) / (self.right - self.left)
        return LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return TOP + (1.0 - min(max(share, 0.0), 1.0)) * (HEIGHT - TOP - BOTTOM)

    def axes(
        self, across: str, up: str, xs: list[tuple[float, str]], ys: list[tuple[float, str]]
    ) -> str:
        foot = HEIGHT - BOTTOM
        lines = "".join(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{self.y(y):.1f}" y2="{self.y(y):.1f}"/>'
            for y, _ in ys
        )
        words = "".join(
            f'<text x="{LEFT - 5}" y="{self.y(y) + 3.5:.1f}" text-anchor="end">'
            f"{escape(word)}</text>"
            for y, word in ys
        ) + "".join(
            f'<text x="{self.x(x):.1f}" y="{foot + 14}" text-anchor="middle">{escape(word)}</text>'
            for x, word in xs
        )
        return (
            f'<g stroke="var(--line)">{lines}</g><g class="words">{words}'
            f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 5}" text-anchor="middle">'
            f'{escape(across)}</text><text x="0" y="9">{escape(up)}</text></g>'
        )


def _names(ends: list[tuple[float, Series]], frame: _Frame) -> list[str]:
    """Names beside the last points, kept apart, in the order of their heights."""
    found, last = [], -math.inf
    ordered = sorted(ends, key=lambda end: end[0])
    excess = max(0.0, len(ordered) * LINE - (HEIGHT - TOP - BOTTOM))
    for n, (height, each) in enumerate(ordered):
        room = HEIGHT - BOTTOM + excess - (len(ordered) - 1 - n) * LINE
        last = min(max(height, last + LINE), max(room, last + LINE))
        found.append(
            f'<text class="name" x="{WIDTH - RIGHT + 8}" y="{last + 3.5:.1f}" fill="{each.colour}">'
            f"{escape(each.name[:14])}</text>"
        )
    return found


def _svg(parts: list[str], label: str) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )
