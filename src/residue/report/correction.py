"""Verdicts corrected for how many of them there are.

Every claim on every arm comes here with two p-values, of being supported and of being refuted. What
is corrected how is its role: a `headline` by Holm over the arms and headlines of its family, an
`exploratory` claim by Benjamini and Hochberg over its family, a `part` of a headline not at all,
since the headline is (intersection-union test, Berger 1982), a `control` not at all, since nobody
hopes for it. Support stands only if its corrected p reaches the size, the interval's one tail, and
so does the refutation of an exploratory claim. A headline is refuted as soon as one part is: the
burden of proof is on who claims. Its row says where that alone could be chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from residue.report.words import plural
from residue.specs.conditions import PLAIN
from residue.specs.headlines import HeadlineSpec
from residue.stats.intervals import Floats, check_level
from residue.stats.multiplicity import benjamini_hochberg, holm

CONTROLS = ("base", "oracle")
METHODS: Mapping[str, tuple[str, Callable[[Floats], Floats]]] = {
    "headline": ("Holm", holm),
    "exploratory": ("Benjamini–Hochberg", benjamini_hochberg),
}
Row = dict[str, Any]
_PARTLESS = {
    "slice": "", "kind": "all", "estimand": "", "statistic": "", "reference": "", "method": "",
    "note": "", "margin_reason": "", "estimate": math.nan, "low": math.nan, "high": math.nan,
    "margin": math.nan, "attainable": math.nan, "seed_values": [],
}  # fmt: skip
_COUNTS = ("n_items", "n_clusters", "n_seeds", "n_pairs", "n_unscorable")


def role_of(
    arm: str, claim: str, headlines: Mapping[str, HeadlineSpec], defences: Collection[str] = ()
) -> str:
    """``control``, ``part`` of a headline about the arm, or ``exploratory``."""
    if arm in CONTROLS:
        return "control"
    mine = [each for each in headlines.values() if _about(each, arm, defences)]
    return "part" if any(claim in each.parts for each in mine) else "exploratory"


def _about(headline: HeadlineSpec, arm: str, defences: Collection[str]) -> bool:
    return (headline.of == "defence") == (arm in defences)


def headline_rows(
    rows: list[Row], headlines: Mapping[str, HeadlineSpec], defences: Collection[str] = ()
) -> list[Row]:
    """One row per headline and edited arm that it is about, from the rows of its parts.

    Supported needs every part supported, and its p is the largest of theirs. Refuted needs one part
    refuted; its p is the smallest of theirs times their number (Bonferroni).
    """
    arms = [arm for arm in dict.fromkeys(row["arm"] for row in rows) if arm not in CONTROLS]
    judged = list(dict.fromkeys((row["claim"], row["condition"]) for row in rows))
    return [
        _headline(name, spec, arm, [row for row in rows if row["arm"] == arm], judged)
        for name, spec in headlines.items()
        for arm in arms
        if _about(spec, arm, defences)
    ]


def _headline(
    name: str, spec: HeadlineSpec, arm: str, rows: list[Row], judged: list[tuple[str, str]]
) -> Row:
    parts = [row for row in rows if row["claim"] in spec.parts]
    own = {(row["claim"], row["condition"]) for row in parts}
    # What other arms are judged on and this one is not, such as an attack that was not done to it.
    lacking = [each for each in judged if each[0] in spec.parts and each not in own]
    absent = [_part(*each) for each in lacking]
    absent += [_part(part) for part in spec.parts if part not in {claim for claim, _ in judged}]
    verdicts = [row["verdict"] for row in parts]
    p = 1.0 if absent else max(_known(row["p"]) for row in parts)
    against = [_known(row["p_against"]) for row in parts]
    verdict = "inconclusive"
    if "refuted" in verdicts:
        verdict = "refuted"
    elif parts and not absent and set(verdicts) == {"supported"}:
        verdict = "supported"
    return {
        **_PARTLESS,
        **{n: max((row[n] for row in parts), default=0) for n in _COUNTS},
        "n_clusters": min((row["n_clusters"] for row in parts), default=0),
        "arm": arm,
        "condition": PLAIN,
        "claim": name,
        "sentence": spec.sentence,
        "role": "headline",
        "family": spec.family,
        "level": max((row["level"] for row in rows), default=math.nan),
        "p": p,
        "p_against": min(1.0, len(against) * min(against)) if against else 1.0,
        "verdict": verdict,
        "reason": _told(parts, absent),
    }


def _told(parts: list[Row], absent: list[str]) -> str:
    words = {
        verdict: [
            _part(row["claim"], row["condition"]) for row in parts if row["verdict"] == verdict
        ]
        for verdict in ("refuted", "inconclusive", "supported")
    }
    words["not judged in this run"] = absent
    told = "; ".join(f"{name}: {', '.join(which)}" for name, which in words.items() if which)
    return f"Parts {told}."


def _part(claim: str, condition: str = PLAIN) -> str:
    return (claim if condition == PLAIN else f"{claim} ({condition})").replace("_", " ")


def _known(p: float) -> float:
    return 1.0 if math.isnan(p) else p


def corrected(rows: list[Row]) -> list[Row]:
    """The rows with `p_adjusted`, `p_against_adjusted`, and verdicts that these bear out."""
    made = [dict(row) for row in rows]
    families: dict[tuple[str, str], list[Row]] = {}
    for row in made:
        families.setdefault((row["role"], row["family"]), []).append(row)
    for (role, _), mine in families.items():
        name, adjust = METHODS.get(role, ("", np.asarray))
        for p in ("p", "p_against"):
            adjusted = adjust(np.array([_known(row[p]) for row in mine]))
            for row, value in zip(mine, adjusted, strict=True):
                row[f"{p}_adjusted"] = float(value) if not math.isnan(row[p]) else math.nan
        for row in mine:
            _weigh(row, name, len(mine))
    return made


def _weigh(row: Row, method: str, tests: int) -> None:
    """Leave a verdict open whose corrected p is above the size."""
    size = check_level(row["level"]) if not math.isnan(row["level"]) else 0.0
    which = {"supported": "p", "refuted": "p_against"}.get(row["verdict"])
    # A hair's breadth for the rounding of an end that lies at the size itself.
    if which is None or _known(row[f"{which}_adjusted"]) <= size * (1.0 + 1e-9):
        return
    p, adjusted = _known(row[which]), _known(row[f"{which}_adjusted"])
    after = f", {adjusted:.2g} after {method} over {plural(tests, 'test')}" if method else ""
    if which == "p_against" and row["role"] != "exploratory":
        row["reason"] += (
            f" Counting all that might have refuted it, p is {p:.2g}{after}: it could be chance."
        )
        return
    row["reason"] += f" This would read {row['verdict']}, but p is {p:.2g}{after}: left open."
    row["verdict"] = "inconclusive"
