"""Colours and shapes of figures; apart from the drawing, so that the page need not import it."""

from __future__ import annotations

INK, MUTED, FAINT, BAND = "#22262b", "#6a737d", "#d8dde2", "#eef1f4"
# Okabe and Ito's palette, told apart by readers of every kind of colour vision; the shapes
# repeat the distinction for grey print.
EDITS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
SHAPES = ("o", "s", "D", "^", "v", "P")
