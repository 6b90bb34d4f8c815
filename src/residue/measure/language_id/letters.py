"""Which scripts a text is written in, by its letters alone.

Digits, punctuation and signs of no script do not count: the danda (U+0964, U+0965) ends sentences
in Bengali and Punjabi too, and would make them Hindi. Vowel signs and other marks count with the
letters of their script.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right

RANGES = (
    (0x0041, 0x024F, "latin"),
    (0x0600, 0x06FF, "arabic"),
    (0x0750, 0x077F, "arabic"),
    (0x0900, 0x097F, "devanagari"),
    (0x0980, 0x09FF, "bengali"),
    (0x0A00, 0x0A7F, "gurmukhi"),
    (0x1E00, 0x1EFF, "latin"),
    (0xFB50, 0xFDFF, "arabic"),
    (0xFE70, 0xFEFF, "arabic"),
)
_STARTS = [start for start, _, _ in RANGES]
SCRIPT_OF = {
    "en": "latin", "hi": "devanagari", "ur": "arabic", "pa": "gurmukhi", "bn": "bengali"
}  # fmt: skip
"""The script that each language of the table is written in."""
LANGUAGE_OF = {script: language for language, script in SCRIPT_OF.items()}


def shares(text: str) -> dict[str, float]:
    """Share of each script among the letters and marks of a text; empty where there are none.

    Letters of scripts not listed count as `other`.
    """
    counts: dict[str, int] = {}
    for letter in unicodedata.normalize("NFC", text):
        if unicodedata.category(letter)[0] in "LM":
            script = _script(ord(letter))
            counts[script] = counts.get(script, 0) + 1
    total = sum(counts.values())
    return {script: count / total for script, count in counts.items()}


def script_of(text: str) -> str:
    """The script of more than half of the letters; `none` without letters, `mixed` otherwise."""
    found = shares(text)
    if not found:
        return "none"
    script = max(found, key=lambda each: found[each])
    return script if found[script] > 0.5 else "mixed"


def _script(point: int) -> str:
    place = bisect_right(_STARTS, point) - 1
    if place >= 0 and point <= RANGES[place][1]:
        return RANGES[place][2]
    return "other"
