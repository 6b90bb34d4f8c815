"""Text from anyone, made harmless where people read it: terminals, logs, figures, pages."""

from __future__ import annotations

import logging
import unicodedata
from types import TracebackType

_JOINERS = "\u200c\u200d"
"""Zero width, but Indic scripts and Urdu are spelt with them."""
_VISIBLE_FORMATS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")
"""Of category Cf, yet ink: signs that stand over Arabic and Syriac numbers."""
_LONGEST_LINE = 4000
"""Characters of a log line; a longer one loses its middle."""


def shown(text: object, most: int | None = None) -> str:
    """The text on one line, with everything that acts or hides written out, e.g. ``\\x1b``.

    Line breaks and tabs become spaces. Written out are control characters (terminals obey them,
    XML 1.0 forbids them), marks that change the direction of writing or have no width, halves of
    surrogate pairs (no file holds them), noncharacters. Plain text of any script stays as it is, so
    the function may be applied twice. most: characters to keep; the middle of a longer text
    becomes ``…``.
    """
    line = str(text)
    if most is not None and len(line) > most:
        line = _without_middle(line, most)
    if not (line.isascii() and line.isprintable()):
        line = "".join(map(_letter, line))
    return line if most is None else _without_middle(line, most)


class SafeFormatter(logging.Formatter):
    """Log lines made of any text: a message takes one line, and a traceback is indented, so that
    nothing quoted can pass for a line of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The message with its time."""
        return shown(super().formatMessage(record), _LONGEST_LINE)

    def formatException(
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        """The traceback, line by line."""
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"  {shown(line, _LONGEST_LINE)}" for line in lines)


def _without_middle(line: str, most: int) -> str:
    if len(line) <= most:
        return line
    tail = (most - 1) // 2
    return f"{line[: most - 1 - tail]}…{line[len(line) - tail :]}"


def _letter(letter: str) -> str:
    if letter.isprintable() or letter in _JOINERS or letter in _VISIBLE_FORMATS:
        return letter
    if letter.isspace():
        # Zs holds spaces that are as visible as the common one.
        return letter if unicodedata.category(letter) == "Zs" else " "
    if unicodedata.category(letter) == "Co" or _unassigned(letter):
        return letter
    return letter.encode("unicode_escape").decode("ascii")


def _unassigned(letter: str) -> bool:
    """A letter newer than this Python's tables, as against one that will never be assigned."""
    code = ord(letter)
    never = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return unicodedata.category(letter) == "Cn" and not never
