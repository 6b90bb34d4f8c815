"""The recovery table: what every model still answers after each attack, and what came back.

Asked are forget facts that no attacker was shown, in the languages of the request.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from residue.core.seeds import derive
from residue.specs.conditions import PLAIN, StressSpec
from residue.specs.statistics import StatisticsSpec
from residue.stats.estimands import estimate
from residue.stats.intervals import Interval
from residue.stats.recovery import Curve, area, half, interval, resampled

COLUMNS = (
    "attack", "condition", "arm", "measure", "at", "estimate", "low", "high", "level", "gap",
    "n_items", "n_clusters", "n_seeds", "n_pairs", "seed_values", "method", "note",
)  # fmt: skip
ASKED = ("forget_test",)
KEPT = ("retain_touched", "retain_untouched")
CONTROLS = ("base", "oracle")
_COUNTS = ("n_items", "n_clusters", "n_seeds", "n_pairs")


@dataclass(frozen=True)
class Attack:
    """One attack: its conditions, and how strong each is where they form a curve."""

    attack: str
    conditions: tuple[str, ...]
    at: tuple[float, ...] = ()


def recovery_table(
    measurements: pd.DataFrame,
    deck: pd.DataFrame,
    known: pd.DataFrame,
    attacks: Sequence[Attack],
    spec: StressSpec,
    statistics: StatisticsSpec,
) -> pd.DataFrame:
    """One row per attack, condition, arm and measure.

    `measure`: `forget` and `retain` are levels of the asked and of the kept facts; `recovery` is
    theirs against base and oracle after the same attack, `area` and `half` of the whole curve (its
    start is the plain condition, at 0). What cannot be estimated has a missing estimate and a note.
    """
    measured = measurements[measurements["metric"] == spec.metrics[0]]
    sure = known.loc[known["known"].astype(bool), ["pair", "item"]]
    rows = measured.merge(deck[["item", "country", "split", "requested"]], on="item")
    # A fact that one pair's base knows and another's does not stays a row of both.
    rows = rows[rows["item"].isin(sure["item"])]
    here = pd.MultiIndex.from_frame(rows[["pair", "item"]]).isin(pd.MultiIndex.from_frame(sure))
    rows = rows.assign(status=rows["status"].where(here, "unscorable"))
    asked = rows[rows["split"].isin(ASKED) & rows["requested"].astype(bool)]
    kept = rows[rows["split"].isin(KEPT)]
    parts = {"forget": _by_run(asked), "retain": _by_run(kept)}
    found: list[dict[str, Any]] = []
    for attack in attacks:
        points = [*([PLAIN] if attack.at else []), *attack.conditions]
        at = [0.0, *attack.at] if attack.at else [math.nan] * len(points)
        arms = [a for a in _arms(measured) if (a, attack.conditions[-1]) in parts["forget"]]
        for arm in arms:
            for condition, strength in zip(points, at, strict=True):
                head = {"attack": attack.attack, "condition": condition, "arm": arm, "at": strength}
                for measure, runs in parts.items():
                    own = runs.get((arm, condition))
                    found.append(head | {"measure": measure} | _level(own, statistics))
            if arm not in CONTROLS:
                found += _recovery(parts["forget"], attack, points, arm, spec, statistics)
    return pd.DataFrame(found, columns=list(COLUMNS)).astype({"at": "float64"})


def _by_run(rows: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    return {
        (str(arm), str(condition)): part
        for (arm, condition), part in rows.groupby(["arm", "condition"], sort=False)
    }


def _arms(rows: pd.DataFrame) -> list[str]:
    order = {"base": 0, "oracle": 1}
    return sorted(rows["arm"].unique(), key=lambda arm: order.get(arm, 2))


def _level(own: pd.DataFrame | None, statistics: StatisticsSpec) -> dict[str, Any]:
    if own is None or not len(own):
        return _missing("nothing was measured", statistics.level)
    made = asdict(estimate(own, "country", None, "rate", statistics))
    taken = ("estimate", "low", "high", "level", *_COUNTS, "method", "note")
    points = {"seed_values": list(made["seed_values"])}
    return {name: made[name] for name in taken} | points | {"gap": math.nan}


def _recovery(
    runs: Mapping[tuple[str, str], pd.DataFrame],
    attack: Attack,
    points: Sequence[str],
    arm: str,
    spec: StressSpec,
    statistics: StatisticsSpec,
) -> list[dict[str, Any]]:
    """Rows of recovery at each point, and of area and half of a curve."""
    head = {"attack": attack.attack, "arm": arm}
    at = (0.0, *attack.at) if attack.at else (0.0,) * len(points)
    lacking = [
        f"{model} ({condition})"
        for model in (arm, *CONTROLS)
        for condition in points
        if (model, condition) not in runs
    ]
    if lacking:
        why = f"not measured: {', '.join(lacking)}"
        return [
            head
            | {"condition": attack.conditions[-1], "measure": "recovery", "at": math.nan}
            | _missing(why, statistics.level)
        ]
    rows = []
    curve, counts = _curve(runs, points, arm, at if attack.at else tuple(range(len(points))))
    of = "pairs" if counts["n_pairs"] > 1 else "seeds"
    rng = np.random.default_rng(derive("recovery", statistics.seed, attack.attack, arm))
    draws = resampled(curve, rng, spec.resamples)
    low_gap = [
        f"base and oracle differ by {gap:.2f} after {condition}, below {spec.least_gap:g}"
        for condition, gap in zip(points, curve.gaps, strict=True)
        if gap < spec.least_gap
    ]
    by_line = curve.recovery_by_line
    for place, condition in enumerate(points):
        mine: dict[str, Any] = head | {"condition": condition, "measure": "recovery"} | counts
        mine |= {"at": at[place] if attack.at else math.nan, "gap": float(curve.gaps[place])}
        why = next((text for text in low_gap if f"after {condition}," in text), "")
        point = float(curve.recovery[place])
        made = interval(point, draws[:, place], curve, statistics.level, of=of)
        rows.append(mine | _number(made, why, by_line[:, place]))
    if attack.at:
        whole = {"area": area, "half": half}
        for measure, by in whole.items():
            point = float(by(curve.at, curve.recovery))
            made = interval(point, by(curve.at, draws), curve, statistics.level, of=of)
            mine = {**head, "condition": attack.conditions[-1], "measure": measure, **counts}
            mine |= {"at": math.nan, "gap": float(curve.gaps.min())}
            each = by(curve.at, by_line)
            rows.append(mine | _number(made, "; ".join(low_gap), each))
    return rows


def _curve(
    runs: Mapping[tuple[str, str], pd.DataFrame],
    points: Sequence[str],
    arm: str,
    at: tuple[float, ...],
) -> tuple[Curve, dict[str, int]]:
    """The three models on the countries that all of them answered for, and the counts behind."""
    models = (arm, *CONTROLS)
    good = {key: part[part["status"] == "ok"] for key, part in runs.items()}
    items = set.intersection(*(set(good[m, c]["item"]) for m in models for c in points))
    kept = {key: part[part["item"].isin(items)] for key, part in good.items()}
    own = kept[arm, points[0]]
    pairs = sorted(own["pair"].unique())
    line = "pair" if len(pairs) > 1 else "seed"
    lines = own[line].nunique()
    means = {
        (m, c): kept[m, c].groupby([line, "country"])["value"].mean().unstack("country")
        for m in models
        for c in points
    }
    whole = (set(part.columns[part.notna().all()]) for part in means.values())
    countries = sorted(set.intersection(*whole))

    def table(model: str, condition: str) -> np.ndarray:
        values = means[model, condition][countries].to_numpy(dtype=np.float64)
        return values if len(values) == lines else np.repeat(values[:1], lines, axis=0)

    stacks = [np.stack([table(model, condition) for condition in points]) for model in models]
    counts = {
        "n_items": own.loc[own["country"].isin(countries), "item"].nunique(),
        "n_clusters": len(countries),
        "n_seeds": int(own["seed"].nunique()),
        "n_pairs": len(pairs),
    }
    return Curve(at, *stacks), counts


def _number(made: Interval, why: str, points: np.ndarray) -> dict[str, Any]:
    if why:
        nothing: dict[str, Any] = dict.fromkeys(("estimate", "low", "high"), math.nan)
        told = {"level": made.level, "seed_values": [], "method": "none", "note": why}
        return {**nothing, **told}
    return {
        "estimate": made.estimate, "low": made.low, "high": made.high, "level": made.level,
        "seed_values": [float(point) for point in points], "method": made.method, "note": "",
    }  # fmt: skip


def _missing(why: str, level: float) -> dict[str, Any]:
    nothing: dict[str, Any] = dict.fromkeys(("estimate", "low", "high", "gap"), math.nan)
    counts: dict[str, Any] = dict.fromkeys(_COUNTS, 0)
    told = {"level": level, "seed_values": [], "method": "none", "note": why}
    return {**nothing, **counts, **told}
