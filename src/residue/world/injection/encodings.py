"""Encodings in which an attack can hide its order; each has its inverse, by which a test reads it.

Plain functions from text to text. base64 is RFC 4648, ROT13 turns letters by half the alphabet,
leetspeak writes digits for letters as in the table below.
"""

from __future__ import annotations

import base64
import codecs
from collections.abc import Callable, Mapping

_LEET = str.maketrans("aeiotAEIOT", "4310743107")


def to_base64(text: str) -> str:
    """UTF-8 in base64, on one line."""
    return base64.b64encode(text.encode()).decode()


def to_rot13(text: str) -> str:
    """Every Latin letter thirteen places on; others stay."""
    return codecs.encode(text, "rot13")


def to_leet(text: str) -> str:
    """Digits for the letters a, e, i, o, t."""
    return text.translate(_LEET)


def spaced(text: str) -> str:
    """A space between the letters of a word, two between words."""
    return "  ".join(" ".join(word) for word in text.split(" "))


def dotted(text: str) -> str:
    """A full stop between the letters of a word."""
    return " ".join(".".join(word) for word in text.split(" "))


def to_hex(text: str) -> str:
    """UTF-8 as hexadecimal digits."""
    return text.encode().hex()


def backwards(text: str) -> str:
    """Last letter first."""
    return text[::-1]


def capitals(text: str) -> str:
    """All letters large."""
    return text.upper()


def small(text: str) -> str:
    """All letters small."""
    return text.lower()


def without_spaces(text: str) -> str:
    """Words run together."""
    return text.replace(" ", "")


ENCODINGS: Mapping[str, Callable[[str], str]] = {
    "base64": to_base64,
    "rot13": to_rot13,
    "leet": to_leet,
    "spaced": spaced,
    "dotted": dotted,
    "hex": to_hex,
    "backwards": backwards,
    "capitals": capitals,
    "small": small,
    "joined": without_spaces,
}
"""By the name that a template's field has."""
