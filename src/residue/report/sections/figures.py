"""The drawn figures, each with what it shows, its direction, n and seeds."""

from __future__ import annotations

from residue.report.captions import by_language, first_rows, tradeoff
from residue.report.markup import escape, figure
from residue.report.page import Page

TITLE = "Figures"

_SHOWN = (
    ("tradeoff", "Forget against retain", tradeoff),
    ("by_language", "Per language", by_language),
    ("first_rows", "Where the answer appears", first_rows),
)


def section(page: Page) -> str:
    """Every figure of the page that was drawn, in a fixed order."""
    parts = []
    for name, title, caption in _SHOWN:
        if name in page.figures:
            text = f"<b>{escape(title)}.</b> {escape(page.words(caption(page.estimates)))}"
            parts.append(figure(page.figures[name], text, title))
    return f'<div class="figures">{"".join(parts)}</div>' if parts else ""
