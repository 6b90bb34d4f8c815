"""Small pieces of HTML; `escape` is the one way from a text into any of them."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from residue.core.text import shown
from residue.report import palette
from residue.report.words import number

# Figures are drawn once with fixed colours; in the page they follow the reader's colour scheme.
_VARIABLES = {
    palette.INK: "var(--ink)",
    palette.MUTED: "var(--muted)",
    palette.FAINT: "var(--line)",
    palette.BAND: "var(--band)",
    **{colour: f"var(--edit{i})" for i, colour in enumerate(palette.EDITS)},
}


def escape(text: object) -> str:
    """A text of any origin as HTML, between tags or in a quoted attribute."""
    return html.escape(shown(text))


_SCRIPTS = {
    "hi": "\\u0900-\\u097f",
    "bn": "\\u0980-\\u09ff",
    "pa": "\\u0a00-\\u0a7f",
    "ur": "\\u0600-\\u06ff\\u0750-\\u077f\\ufb50-\\ufdff\\ufe70-\\ufefc",
}
_FOREIGN = re.compile(
    "|".join(f"(?P<{code}>[{of}](?:[{of}\\s,.?\\u0964]*[{of}])?)" for code, of in _SCRIPTS.items())
)


def spoken(text: object) -> str:
    """`escape`, with the language of every run of letters that English lacks, for screen readers.

    Of texts of the embedded world, whose languages each have a script of their own.
    """
    return _FOREIGN.sub(_in_language, escape(text))


def _in_language(run: re.Match[str]) -> str:
    turned = ' dir="rtl"' if run.lastgroup == "ur" else ""
    return f'<span lang="{run.lastgroup}"{turned}>{run[0]}</span>'


def anchor(kind: str, name: str) -> str:
    """An id for something named by anyone, e.g. ``claim-stays-forgotten``."""
    return f"{kind}-" + "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str = "", stacked: bool = False
) -> str:
    """A table of ready cells (HTML); the first column heads its row. Scrolls when too wide.

    `stacked`: on a phone each row is a block with one named line per cell, for tables of words.
    Roles are written out, since a browser forgets those of a table that is no longer laid out so.
    """
    title = f"<caption>{caption}</caption>" if caption else ""
    top = "".join(f'<th role="columnheader" scope="col">{cell}</th>' for cell in head)
    names = [f' data-head="{_plain(cell)}"' if stacked else "" for cell in head]
    body = "".join(
        f'<tr role="row"><th role="rowheader" scope="row">{row[0]}</th>'
        + "".join(
            f'<td role="cell"{name}>{cell}</td>'
            for name, cell in zip(names[1:], row[1:], strict=True)
        )
        + "</tr>\n"
        for row in rows
    )
    label = _plain(caption) or f"Table: {', '.join(filter(None, map(_plain, head[:4])))}"
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{label}">'
        f'<table role="table"{" class=stack" if stacked else ""}>{title}<thead role="rowgroup">'
        f'<tr role="row">{top}</tr></thead><tbody role="rowgroup">\n{body}</tbody></table></div>'
    )


def _plain(cell: str) -> str:
    """The words of a ready cell for an attribute, without tags and pictures; quotes stay inside."""
    words = re.sub(r"<svg.*?</svg>|<[^>]*>", " ", cell, flags=re.DOTALL)
    return " ".join(words.replace('"', "&quot;").split())


def definitions(pairs: Mapping[str, str]) -> str:
    """A definition list of plain texts."""
    inner = "".join(
        f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in pairs.items()
    )
    return f"<dl>{inner}</dl>"


def figure(svg: bytes, caption: str, label: str) -> str:
    """An inline figure with a caption (HTML) and a label (text) for screen readers."""
    text = svg.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # The renderer's style element would apply to the whole page.
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r' (width|height)="[^"]*pt"', "", text, count=2)
    # Ids are unique within one figure only.
    prefix = "".join(c if c.isalnum() else "-" for c in label.lower())
    # Tags alone: words between them are names, and may look like anything.
    text = re.sub(r"<[^>]*>", lambda tag: _in_page(tag[0], prefix), text)
    opening = f'<svg role="img" aria-label="{escape(label)}"'
    text = text.replace("<svg", opening, 1)
    # Fine print stays readable on a phone: there the picture keeps its size and scrolls.
    drawn = (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(label)}">{text}</div>'
    )
    return f"<figure>{drawn}<figcaption>{caption}</figcaption></figure>"


def _in_page(tag: str, prefix: str) -> str:
    tag = re.sub(r' xmlns(:xlink)?="[^"]*"', "", tag)
    tag = re.sub(r'\bid="', f'id="{prefix}-', tag)
    tag = re.sub(r'(url\(#|xlink:href="#)', rf"\1{prefix}-", tag)
    tag = re.sub(r"(font: [^;\"]*?px )[^;\"]*", r"\1var(--sans)", tag)
    for colour, variable in _VARIABLES.items():
        tag = tag.replace(colour, variable)
    return tag


def rows_of(file: str, where: Mapping[str, str], path: str = "") -> str:
    """Which rows of which table a number stands in: a link, and the filter as pandas takes it."""
    wanted = " and ".join(f'{name} == "{value}"' for name, value in where.items())
    named = link(file, path) if path else escape(file)
    return f'<span class="source">{named} · <code>{escape(wanted)}</code></span>'


def link(text: str, path: str) -> str:
    """A link to a file beside the page; ValueError where the path is not relative."""
    if path.startswith("/"):
        raise ValueError(f"the page cannot link to {path}; give the path as seen from the page.")
    target = quote(path, safe="/.-_", errors="surrogateescape")
    return f'<a href="{escape(target)}">{escape(text)}</a>'


def strip_reach(
    spans: Iterable[tuple[float, float]],
    seeds: Iterable[Sequence[float]],
    zone: tuple[float, float],
    centre: float,
) -> float:
    """How far a strip must reach to either side to show all of this."""
    shown = [centre + 1.3 * (end - centre) for end in zone]
    shown += [end for span in spans for end in span] + [v for points in seeds for v in points]
    return 1.15 * max((abs(v - centre) for v in shown if math.isfinite(v)), default=1.0)


def strip(
    span: tuple[float, float],
    seeds: Sequence[float],
    zone: tuple[float, float],
    centre: float,
    verdict: str,
    *,
    reach: float,
    tick: bool = True,
    hidden: bool = False,
) -> str:
    """The interval as a line, the allowed zone as a band, no change as a tick, each seed a dot.

    Ends of `span` and `zone` may be infinite; `centre` is the middle, and without `tick` means
    nothing by itself. `reach` is the distance from it to either edge, one for all strips that are
    read together. `hidden` keeps it from screen readers where the numbers stand beside it.
    """
    height, middle = 22.0, 11.0

    def at(value: float) -> float:
        return _at(value, centre, reach)

    (low, high), (left, right) = map(at, span), map(at, zone)
    dots = "".join(f'<circle cx="{at(v):.1f}" cy="{middle}" r="2.6"/>' for v in seeds)
    label = f"interval from {number(span[0])} to {number(span[1])}"
    told = 'aria-hidden="true"' if hidden else f'role="img" aria-label="{label}"'
    zero = f'<line class="zero" x1="{at(centre):.1f}" x2="{at(centre):.1f}" y1="1" y2="21"/>'
    return (
        f'<svg class="strip {escape(verdict)}" viewBox="0 0 {_WIDE:g} {height:g}" {told}>'
        f'<rect class="zone" x="{left:.1f}" y="1" width="{right - left:.1f}" height="20"/>'
        f"{zero if tick else ''}"
        f'<line class="span" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>'
        f"{dots}</svg>"
    )


def strip_axis(
    zone: tuple[float, float], centre: float, reach: float, *, signed: bool, tick: bool = True
) -> str:
    """The numbers under which strips of one `reach` are read: ends of the zone, middle, edges."""
    marks = [end for end in zone if abs(end - centre) < reach]
    far = max(s * 10.0**e for e in range(-3, 4) for s in (1, 2, 5) if s * 10.0**e <= reach)
    marks += [centre, centre - far, centre + far] if tick else [0.0, 1.0]
    said: list[tuple[float, str]] = []
    for value in marks:
        place = _at(value, centre, reach)
        if all(abs(place - taken) > 14.0 for taken, _ in said):
            said.append((place, number(value, signed=signed)))
    words = "".join(f'<text x="{x:.1f}" y="8" text-anchor="middle">{t}</text>' for x, t in said)
    return f'<svg class="axis" viewBox="0 0 {_WIDE:g} 10" aria-hidden="true">{words}</svg>'


_WIDE = 200.0
"""Width of a strip in its own units."""


def _at(value: float, centre: float, reach: float) -> float:
    share = (value - centre + reach) / (2 * reach)
    return _WIDE * max(0.0, min(1.0, share))
