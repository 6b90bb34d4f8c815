"""Codes and numbers as readers see them."""

from __future__ import annotations

import math

from residue.specs.claims import LEVELS, RATIOS

LANGUAGES = {
    "en": "English",
    "hi": "Hindi",
    "ur": "Urdu",
    "pa": "Punjabi",
    "bn": "Bengali",
    "und": "language not given",
}
KINDS = {
    "equivalent": ("±", "within ± margin"),
    "non_inferior": ("−", "above − margin"),
    "non_superior": ("+", "below + margin"),
    "reduced": ("≤ −", "reduced by the margin or more"),
    "at_least": ("≥ ", "above the margin"),
    "at_most": ("≤ ", "below the margin"),
}
_FACTORS = {"equivalent": "×÷", "non_inferior": "÷", "non_superior": "×"}
WORDINGS = {"seen": "seen wordings", "held_out": "held-out wordings"}
MARKS = {"supported": "✓", "refuted": "✗", "inconclusive": "?"}


def language_name(code: str) -> str:
    """English name of a language code; the code itself where we have none."""
    return LANGUAGES.get(code, code)


def attack_name(name: str) -> str:
    """``relearn_other`` as ``relearn other``; the table's names are what users wrote."""
    return name.replace("_", " ")


def plain_name(name: str) -> str:
    """``stays_forgotten`` as ``stays forgotten``."""
    return name.replace("_", " ")


def p_value(value: float) -> str:
    """``0.031``; ``< 0.001`` where it is less; a dash for a missing one."""
    if math.isnan(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def plural(n: int, one: str) -> str:
    """``1 seed``, ``3 seeds``, ``2 countries``."""
    many = f"{one[:-1]}ies" if one.endswith("y") else f"{one}s"
    return f"{n:,} {one if n == 1 else many}"


def number(value: float, *, signed: bool = False) -> str:
    """Two decimals below 10, three figures above; a true minus; a dash for a missing value."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "−∞" if value < 0 else "∞"
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", "−")


def interval(low: float, high: float, *, signed: bool = False) -> str:
    """``[−0.04, +0.03]``."""
    return f"[{number(low, signed=signed)}, {number(high, signed=signed)}]"


def is_difference(kind: str, statistic: str) -> bool:
    """Whether a claim's number is a difference, which bears its sign; else a ratio or a level."""
    return statistic not in RATIOS and kind not in LEVELS


def held_against(reference: str) -> str:
    """``of the base``; nothing where a level is judged by itself."""
    return "" if reference == "none" else f" of the {reference}"


def margin(value: float, kind: str, statistic: str = "rate") -> str:
    """``±0.1`` for equivalence, ``−0.1`` for non-inferiority, ``+0.1`` for its mirror image.

    Ratios carry ``×÷1.1``, ``÷1.1`` and ``×1.1``, or ``≤ ×0.5`` for what is left at most.
    """
    if statistic in RATIOS and kind == "reduced":
        return f"≤ ×{1.0 - value:.3g}"
    if statistic in RATIOS:
        return f"{_FACTORS[kind]}{1.0 + value:.3g}"
    return f"{KINDS[kind][0]}{value:.2g}"


def attainable(value: float) -> str:
    """``0.098``: three decimals, rounded up, so that a margin at what is shown still lies above."""
    return "–" if math.isnan(value) else f"{math.ceil(1000 * value) / 1000:g}"


def slice_name(text: str) -> str:
    """``language=hi`` as ``Hindi``, ``row=4.0`` as ``row 4``."""
    parts = []
    for part in filter(None, text.split(",")):
        column, _, level = part.partition("=")
        if column == "language":
            parts.append(language_name(level))
        elif column == "family" and level in WORDINGS:
            parts.append(WORDINGS[level])
        elif column == "row":
            parts.append(f"row {float(level):g}")
        elif level in ("true", "false"):
            plain = column.replace("_", " ")
            parts.append(plain if level == "true" else f"not {plain}")
        else:
            parts.append(level.replace("_", " "))
    return ", ".join(parts)
