"""From estimates to verdicts: each claim on each arm, decided against its margin."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from residue.report.correction import corrected, headline_rows, role_of
from residue.report.rows import records
from residue.report.words import attainable as attainable_text
from residue.report.words import slice_name
from residue.specs.claims import LEVELS, RATIOS, ClaimSpec
from residue.specs.headlines import HeadlineSpec
from residue.stats.attainability import (
    attainable_margin,
    attainable_reduction,
    clusters_needed,
    margin_for,
)
from residue.stats.duality import Ladder
from residue.stats.verdicts import Region, Verdict, decide

COLUMNS = (
    "arm", "condition", "claim", "sentence", "role", "family", "estimand", "slice", "kind",
    "estimate", "low", "high", "level", "n_items", "n_clusters", "n_seeds", "n_pairs",
    "n_unscorable", "seed_values", "method", "note", "statistic", "reference", "margin",
    "margin_reason", "attainable", "p", "p_against", "p_adjusted", "p_against_adjusted", "verdict",
    "reason",
)  # fmt: skip
_TAKEN = (
    "arm", "condition", "estimand", "slice", "estimate", "low", "high", "level", "n_items",
    "n_clusters", "n_seeds", "n_pairs", "n_unscorable", "seed_values", "method", "note",
    "statistic", "reference",
)  # fmt: skip
_RANK = {"refuted": 0, "inconclusive": 1, "supported": 2}


def claims(
    estimates: pd.DataFrame,
    specs: Mapping[str, ClaimSpec],
    headlines: Mapping[str, HeadlineSpec] | None = None,
    defences: Collection[str] = (),
) -> pd.DataFrame:
    """Decide every claim on every arm and condition that its estimand was estimated for.

    A claim whose estimand has several slices is the statement that it holds in each: supported if
    every slice is, refuted if any is (intersection-union test, Berger 1982: no correction is needed
    for support). Its row shows the slice that decided: the one with the worst verdict, and among
    those the one whose interval leaves the margin furthest or comes closest to its edge.
    `p` is the chance of an interval this far inside the margin if the claim were false (the largest
    over slices), `p_against` of one this far outside if it were true (the smallest over slices
    times their number). `defences` names the arms made against hidden orders, which have headlines
    of their own; headlines and the correction for many claims: `residue.report.correction`.
    `attainable` is the margin above which the claim would be supported if no cluster of any slice
    differed at all; missing where values are unbounded. Edited arms come first, then base and
    oracle; of an arm, headlines and then claims in the order of the config.
    """
    headlines = headlines or {}
    single = corrected(
        [
            _decided(name, spec, part)
            | {"role": role_of(part[0]["arm"], name, headlines, defences)}
            for name, spec in specs.items()
            for part in _groups(estimates, spec)
        ]
    )
    rows = corrected(headline_rows(single, headlines, defences)) + single
    order = {arm: i for i, arm in enumerate(dict.fromkeys(estimates["arm"]))}
    order |= {"base": len(order), "oracle": len(order) + 1}
    rows.sort(key=lambda row: order[row["arm"]])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def region(kind: str, margin: float, statistic: str) -> Region:
    """Differences, or levels, for which a claim is true; for ratios, with the factor 1 + margin,
    or below 1 - margin."""
    if kind in LEVELS:
        return Region.above(margin) if kind == "at_least" else Region.below(margin)
    if kind == "reduced":
        return Region.below(1.0 - margin if statistic in RATIOS else -margin)
    if statistic in RATIOS:
        factor = 1.0 + margin
        if kind == "equivalent":
            return Region.within_factor(factor)
        return Region.above(1.0 / factor) if kind == "non_inferior" else Region.below(factor)
    if kind == "equivalent":
        return Region.within(margin)
    return Region.above(-margin) if kind == "non_inferior" else Region.below(margin)


def _groups(estimates: pd.DataFrame, spec: ClaimSpec) -> list[list[dict[str, Any]]]:
    mine = estimates[estimates["estimand"] == spec.estimand]
    if spec.arms:
        mine = mine[mine["arm"].isin(spec.arms)]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in records(mine):
        groups.setdefault((row["arm"], row["condition"]), []).append(row)
    return list(groups.values())


def _decided(name: str, spec: ClaimSpec, slices: list[dict[str, Any]]) -> dict[str, Any]:
    allowed = region(spec.kind, spec.margin, slices[0]["statistic"])
    verdicts = [_verdict(row, allowed) for row in slices]
    worst = min(
        range(len(slices)),
        key=lambda i: (_RANK[verdicts[i].verdict], _room(slices[i], allowed)),
    )
    attainable = _attainable(slices, spec.kind)
    inside, outside = zip(*(_p(row, allowed) for row in slices), strict=True)
    known = [p for p in outside if not math.isnan(p)]
    row, verdict = slices[worst], verdicts[worst]
    return {
        **{column: row[column] for column in _TAKEN},
        "claim": name,
        "sentence": spec.sentence,
        "kind": spec.kind,
        "margin": spec.margin,
        "margin_reason": spec.margin_reason,
        "attainable": attainable,
        "family": spec.family,
        # A slice without p may be false, so it hinders support; it hinders no refutation.
        "p": math.nan if any(map(math.isnan, inside)) else max(inside),
        "p_against": min(1.0, len(slices) * min(known)) if known else math.nan,
        "verdict": verdict.verdict,
        "reason": _reason(verdict, row, spec, attainable, len(slices)),
    }


def _verdict(row: dict[str, Any], allowed: Region) -> Verdict:
    if math.isnan(row["estimate"]):
        return Verdict("inconclusive", f"Nothing to judge by: {row['note']}.")
    seeds = [float(value) for value in row["seed_values"]]
    return decide(row["low"], row["high"], seeds, allowed, level=row["level"])


def _p(row: dict[str, Any], allowed: Region) -> tuple[float, float]:
    """p of support and of refutation; missing where there are no ends at other tails."""
    if not len(row["tails"]):
        return math.nan, math.nan
    ladder = Ladder.of(row["tails"], row["lows"], row["highs"])
    return ladder.inside(allowed), ladder.outside(allowed)


def _room(row: dict[str, Any], allowed: Region) -> float:
    """How far the interval stays inside the region; negative where it leaves; least if missing."""
    room = min(row["low"] - allowed.low, allowed.high - row["high"])
    return -math.inf if math.isnan(room) else float(room)


def _attainable(slices: list[dict[str, Any]], kind: str) -> float:
    """The margin that the slice with fewest clusters attains; all of them must be decided."""
    fewest = min(int(row["n_clusters"]) for row in slices)
    statistic, level = slices[0]["statistic"], slices[0]["level"]
    if statistic not in ("rate", "share_left") or not fewest:
        return math.nan
    if kind == "reduced":
        return attainable_reduction(fewest, relative=statistic == "share_left", level=level)
    if statistic == "share_left":
        return math.nan
    margin = attainable_margin(fewest, level=level)
    return 1.0 - margin if kind == "at_least" else margin


def _reason(
    verdict: Verdict, row: dict[str, Any], spec: ClaimSpec, attainable: float, n_slices: int
) -> str:
    text = verdict.reason
    if n_slices > 1:
        text = f"Decided on {slice_name(row['slice'])}, the worst of {n_slices} slices. {text}"
    least = spec.kind in ("at_least", "reduced")
    out_of_reach = attainable <= spec.margin if least else attainable >= spec.margin
    if out_of_reach and verdict.verdict != "refuted":
        enough = clusters_needed(_reach(spec, row["statistic"]), level=row["level"])
        fault = "fails nowhere" if spec.kind in LEVELS else "differs nowhere"
        fault = "loses everything" if spec.kind == "reduced" else fault
        shown = f"{attainable:.3g}" if least else attainable_text(attainable)
        text += (
            f" With this many clusters, even a model that {fault} is supported only "
            f"{'below' if least else 'above'} a margin of {shown}: take {enough} clusters or more, "
            f"or a {'smaller' if least else 'larger'} margin."
        )
    return text


def _reach(spec: ClaimSpec, statistic: str) -> float:
    """The equivalence margin that as many clusters attain as the claim needs."""
    if spec.kind == "reduced":
        return margin_for(spec.margin, relative=statistic == "share_left")
    return 1.0 - spec.margin if spec.kind == "at_least" else spec.margin
