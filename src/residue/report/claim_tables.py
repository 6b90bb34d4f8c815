"""The claims of a run as a Markdown table and as one LaTeX table, for papers and pull requests.

The LaTeX table needs the packages `booktabs` and `longtable`, nothing else; every sign outside of
ASCII is written as a command, so that any engine sets it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pandas as pd

from residue.core.text import shown
from residue.report.rows import records
from residue.report.words import (
    MARKS,
    interval,
    is_difference,
    margin,
    number,
    p_value,
    plain_name,
    slice_name,
)

_HEAD = ("Model", "Claim", "Verdict", "Value", "Interval", "Margin", "p (adjusted)", "n")
_WIDTHS = r"@{}p{0.22\linewidth}llllll@{}"
"""Columns without the model's; the claim's own wraps."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#+!|~$&])")
_TEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "−": "$-$", "±": r"$\pm$", "×": r"$\times$", "÷": r"$\div$", "∞": r"$\infty$", "–": "--",
    "≤": r"$\le$", "≥": r"$\ge$",
    "—": "---", "…": r"\ldots{}", "’": "'", "“": "``", "”": "''", "[": "{[}", "]": "{]}",
}  # fmt: skip


def markdown(claims: pd.DataFrame) -> str:
    """One line per row of the claims table, as GitHub and Pandoc read it."""
    rows = [_HEAD, ("---",) * len(_HEAD)]
    rows += [tuple(_markdown(cell) for cell in _cells(row, MARKS)) for row in records(claims)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows) + f"\n{_markdown(_note(claims))}\n"


def latex(claims: pd.DataFrame) -> str:
    """A `longtable` that fits one column of an article; models head their rows, controls last."""
    lines = [
        r"% needs \usepackage{booktabs,longtable}",
        r"{\scriptsize\setlength{\tabcolsep}{2.5pt}\hyphenpenalty=10000",
        rf"\begin{{longtable}}{{{_WIDTHS}}}",
        r"\toprule",
        " & ".join(map(tex, _HEAD[1:])) + r" \\",
        r"\midrule",
        r"\endhead",
        r"\bottomrule",
        r"\endfoot",
    ]
    before = None
    for row in records(claims):
        arm, *cells = (tex(cell) for cell in _cells(row, {}))
        if before != arm:
            lines += [] if before is None else [r"\addlinespace"]
            lines.append(
                rf"\multicolumn{{{len(cells)}}}{{@{{}}p{{0.98\linewidth}}}}{{\textbf{{{arm}}}}} \\*"
            )
        before = arm
        lines.append(r"\raggedright " + " & ".join(cells) + r" \\")
    lines += [
        r"\end{longtable}",
        r"\vspace{-\baselineskip}",
        rf"\noindent {tex(_note(claims))}\par}}",
    ]
    return "\n".join(lines) + "\n"


def tex(text: str) -> str:
    """A text of any origin for LaTeX's text mode, in ASCII.

    Letters with a known form get it; of any other sign its Unicode name is written out, so that no
    text is lost and no engine stumbles.
    """
    return "".join(map(_tex_letter, shown(text)))


def _tex_letter(letter: str) -> str:
    if letter in _TEX:
        return _TEX[letter]
    if letter.isascii():
        return letter
    plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    if plain and all(part.isalnum() or part == " " for part in plain):
        return plain
    return f"({unicodedata.name(letter, f'U+{ord(letter):04X}').lower()})"


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", shown(text))


def _cells(row: dict[str, Any], marks: dict[str, str]) -> tuple[str, ...]:
    verdict = str(row["verdict"])
    arm = str(row["arm"]) + (" (control)" if row["role"] == "control" else "")
    claim = plain_name(str(row["claim"]))
    if row["condition"] != "plain":
        claim += f", after {plain_name(row['condition'])}"
    if row["slice"]:
        claim += f", on {slice_name(row['slice'])}"
    p = "p_against" if verdict == "refuted" else "p"
    told = f"{p_value(row[p])} ({p_value(row[f'{p}_adjusted'])})"
    counts = f"{row['n_items']}, {row['n_clusters']}×{row['n_seeds']}"
    marked = f"{marks[verdict]} {verdict}" if marks else verdict
    if row["role"] == "headline":
        return arm, f"{claim} (headline)", marked, "–", "–", "–", told, counts
    signed = is_difference(str(row["kind"]), str(row["statistic"]))
    return (
        arm,
        claim,
        marked,
        number(row["estimate"], signed=signed),
        interval(row["low"], row["high"], signed=signed),
        margin(row["margin"], str(row["kind"]), str(row["statistic"])),
        told,
        counts,
    )


def _note(claims: pd.DataFrame) -> str:
    levels = " and ".join(f"{level:.0%}" for level in sorted(set(claims["level"].dropna())))
    return (
        f"{levels} intervals; n: items, independent units × training seeds. p of support, where "
        "refuted of refutation; adjusted by Holm over headlines, by Benjamini–Hochberg over "
        "exploratory claims, not for parts of a headline and controls. Supported: interval and "
        "every seed inside the margin, and adjusted p at most half of what the level leaves."
    )
