"""From measurements to the estimates table: one interval per estimand, arm, condition and slice."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from residue.specs.claims import EstimandSpec
from residue.specs.statistics import StatisticsSpec
from residue.stats.auc_interval import auc_estimate
from residue.stats.duality import tails_for
from residue.stats.estimands import STATISTICS, Estimate, ends_at, estimate
from residue.stats.ks_interval import ks_estimate
from residue.stats.shares import share_estimate

LOG = logging.getLogger(__name__)

COLUMNS = (
    "estimand", "arm", "condition", "slice", "metric", "where", "statistic", "reference",
    "estimate", "low", "high", "level", "n_items", "n_clusters", "n_seeds", "n_pairs",
    "n_unscorable", "seed_values", "method", "note", "tails", "lows", "highs",
)  # fmt: skip
ROW = "row"
"""The one column of measurements, not of items, by which an estimand may be split."""
_COUNTS = ("n_items", "n_clusters", "n_seeds", "n_pairs", "n_unscorable")
_TAKEN = ("estimate", "low", "high", "level", *_COUNTS, "method", "note")
_NO_LADDER: dict[str, list[float]] = {"tails": [], "lows": [], "highs": []}
_MEASURED = ["arm", "condition", "pair", "seed", "item", "row", "value", "weight", "status"]


def estimates(
    measurements: pd.DataFrame,
    items: pd.DataFrame,
    known: pd.DataFrame,
    estimands: Mapping[str, EstimandSpec],
    statistics: StatisticsSpec,
    *,
    judged: Collection[str] = (),
) -> pd.DataFrame:
    """Estimate every estimand on every arm and condition, in the order of the config.

    `measurements`: the long table of all arms. `items`: one row per item. `known`: pair, item,
    known — whether the base of that pair knows the fact of the item. An arm's condition is compared
    with the reference model's ``plain`` condition, or with the same one. What cannot be estimated
    (no such item, metric or reference) has a row with a missing estimate and a note that says why.
    `where` and `slice` are the conditions on the items' columns that pick the measurement rows of
    a number. Estimands that are `judged` by a claim also have their ends at other tails, from which
    its p are read (`residue.stats.duality`).
    ValueError where an estimand names a column that the items do not have.
    """
    runs = _runs(measurements)
    sure = pd.MultiIndex.from_frame(known.loc[known["known"].astype(bool), ["pair", "item"]])
    metrics = {name: part[_MEASURED] for name, part in measurements.groupby("metric", sort=False)}
    rows: list[dict[str, Any]] = []
    for name, spec in estimands.items():
        _check_columns(name, spec, items)
        chosen = _chosen(items, spec)
        scored = metrics.get(spec.metric)
        fault = _fault(name, spec, chosen, scored, [arm for arm, _ in runs])
        parts = {} if scored is None else _parts(scored, chosen, sure, spec)
        head = {"estimand": name, "metric": spec.metric, "where": where_text(spec),
                "statistic": spec.statistic, "reference": spec.reference}  # fmt: skip
        for arm, condition in runs:
            if condition not in spec.conditions:
                continue
            beside = condition if spec.reference_condition == "same" else "plain"
            if (arm, condition) == (spec.reference, beside):
                continue
            for cell in _cells(chosen, spec, parts) or [""]:
                own = parts.get((arm, condition, cell))
                against = parts.get((spec.reference, beside, cell))
                run = head | {"arm": arm, "condition": condition, "slice": cell}
                rows.append(run | _one(own, against, spec, statistics, fault, name in judged))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def where_text(spec: EstimandSpec) -> str:
    """The items of an estimand, e.g. ``split=forget_test|forget_relearn, requested=true``.

    A last ``known=true`` is no column of the items but of the table of known facts.
    """
    known = {"known": (True,)} if spec.only_known else {}
    groups = [{**spec.where, **known}, spec.against]
    return " against ".join(
        ", ".join(
            f"{column}={'|'.join(_word(value) for value in kept)}" for column, kept in group.items()
        )
        for group in groups
        if group
    )


def _one(
    own: pd.DataFrame | None,
    against: pd.DataFrame | None,
    spec: EstimandSpec,
    statistics: StatisticsSpec,
    fault: str,
    judged: bool,
) -> dict[str, Any]:
    if fault or own is None or (spec.reference != "none" and against is None):
        return _missing(fault or "nothing was measured", statistics.level)
    scored = own.loc[own["known"], "item"].unique()
    if not own.loc[~own["second"], "known"].any():
        return _missing("the base knows none of these facts", statistics.level)
    own = own[own["item"].isin(scored)]
    reference = None
    if spec.reference != "none" and against is not None:
        same = against["item"].isin(scored) & against["pair"].isin(own["pair"].unique())
        reference = against[same]
    made = _estimate(own, reference, spec, statistics)
    taken = {column: getattr(made, column) for column in _TAKEN}
    unknown = int((~own["known"]).sum())
    if unknown:
        taken["note"] += f"; {unknown} of them are facts that the base of their pair does not know"
    ladder = _ladder(own, reference, spec, statistics) if judged else _NO_LADDER
    return taken | {"seed_values": list(made.seed_values)} | ladder


def _ladder(
    own: pd.DataFrame,
    reference: pd.DataFrame | None,
    spec: EstimandSpec,
    statistics: StatisticsSpec,
) -> dict[str, list[float]]:
    """The ends of an estimate at many tails."""
    tails = tails_for(statistics.level)
    if spec.statistic in STATISTICS:
        lows, highs = ends_at(own, spec.unit, reference, spec.statistic, statistics, tails)
    else:
        at = [replace(statistics, level=1.0 - 2.0 * tail) for tail in tails]
        made = [_estimate(own, reference, spec, each) for each in at]
        lows, highs = [each.low for each in made], [each.high for each in made]
    return {"tails": list(tails), "lows": lows, "highs": highs} if lows else _NO_LADDER


def _estimate(
    own: pd.DataFrame,
    reference: pd.DataFrame | None,
    spec: EstimandSpec,
    statistics: StatisticsSpec,
) -> Estimate:
    if spec.statistic == "ks" and reference is not None:
        return ks_estimate(own, spec.unit, reference, statistics)
    if spec.statistic == "share_left" and reference is not None:
        return share_estimate(own, spec.unit, reference, statistics)
    if spec.statistic == "auc":
        sides = None if reference is None else _sides(reference)
        return auc_estimate(*_sides(own), spec.unit, sides, statistics, itemwise=spec.itemwise)
    return estimate(own, spec.unit, reference, spec.statistic, statistics)


def _sides(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of `where`, and those of `against`."""
    return rows[~rows["second"]], rows[rows["second"]]


def _runs(measurements: pd.DataFrame) -> list[tuple[str, str]]:
    """Arms and conditions: base and oracle first, then as they come."""
    found = measurements[["arm", "condition"]].drop_duplicates()
    pairs = list(zip(found["arm"], found["condition"], strict=True))
    return sorted(pairs, key=lambda run: {"base": 0, "oracle": 1}.get(run[0], 2))


def _chosen(items: pd.DataFrame, spec: EstimandSpec) -> pd.DataFrame:
    """The items of an estimand with their unit, their slice, e.g. ``language=hi``, and whether they
    are of its second group."""
    first, second = _matching(items, spec.where), _matching(items, spec.against)
    second &= bool(spec.against)
    if (first & second).any():
        raise ValueError(
            f"where and against share items (first: {items[first & second]['item'].iloc[0]})"
        )
    kept = items.loc[first | second]
    cell = pd.Series("", index=kept.index, dtype=object)
    for column in (name for name in spec.by if name != ROW):
        text = kept[column].astype(str)
        if kept[column].dtype == bool:
            text = text.str.lower()
        cell = cell.where(cell == "", cell + ",") + f"{column}=" + text
    return pd.DataFrame(
        {
            "item": kept["item"],
            spec.unit: kept[spec.unit],
            "slice": cell,
            "second": second[kept.index],
        }
    )


def _matching(
    items: pd.DataFrame, conditions: Mapping[str, tuple[str | bool, ...]]
) -> pd.Series[bool]:
    keep = pd.Series(True, index=items.index)
    for column, values in conditions.items():
        keep &= items[column].isin(list(values))
    return keep


def _cells(
    chosen: pd.DataFrame, spec: EstimandSpec, parts: Mapping[tuple[str, str, str], pd.DataFrame]
) -> list[str]:
    if ROW in spec.by:  # rows belong to measurements, not to items
        return list(dict.fromkeys(cell for _, _, cell in parts))
    if not spec.by:
        return []
    # A level that stands in another deck alone, such as the wordings of facts beside the families
    # of attacks, is measured in no arm and is none of the metric's slices.
    measured = {cell for _, _, cell in parts}
    found = list(dict.fromkeys(chosen["slice"]))
    return [cell for cell in found if cell in measured] or found


def _parts(
    scored: pd.DataFrame, chosen: pd.DataFrame, sure: pd.MultiIndex, spec: EstimandSpec
) -> dict[tuple[str, str, str], pd.DataFrame]:
    """Measured rows of the chosen items by arm, condition and slice.

    A fact that the base of the row's pair does not know is unscorable there: another pair's base
    may know it, and then its item stays.
    """
    table = scored.merge(chosen, on="item", how="inner")
    if ROW in spec.by:
        table = table.sort_values("row", kind="stable")
        first = table["slice"].where(table["slice"] == "", table["slice"] + ",")
        table["slice"] = first + f"{ROW}=" + table["row"].astype(str)
    table["known"] = True
    if spec.only_known:
        table["known"] = pd.MultiIndex.from_frame(table[["pair", "item"]]).isin(sure)
        table["known"] |= table["second"]
        table["status"] = table["status"].where(table["known"], "unscorable")
    return {
        (str(arm), str(condition), str(cell)): part
        for (arm, condition, cell), part in table.groupby(["arm", "condition", "slice"], sort=False)
    }


def _fault(
    name: str,
    spec: EstimandSpec,
    chosen: pd.DataFrame,
    scored: pd.DataFrame | None,
    arms: list[str],
) -> str:
    fault = ""
    if not len(chosen) or chosen["second"].all():
        fault = f"no item matches {where_text(spec)}"
    elif spec.against and not chosen["second"].any():
        fault = "no item matches the group to compare with"
    elif scored is None:
        fault = f"'{spec.metric}' was not measured"
    elif spec.reference != "none" and spec.reference not in arms:
        fault = f"this run has no {spec.reference} to compare with"
    if fault:
        LOG.warning("estimand %s has no estimate: %s", name, fault)
    return fault


def _word(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else value


def _missing(why: str, level: float) -> dict[str, Any]:
    nothing = dict.fromkeys(("estimate", "low", "high"), math.nan)
    counts = dict.fromkeys(_COUNTS, 0)
    told = {"level": level, "seed_values": [], "method": "none", "note": why}
    return {**nothing, **counts, **told, **_NO_LADDER}


def _check_columns(name: str, spec: EstimandSpec, items: pd.DataFrame) -> None:
    for key, columns in (
        ("where", spec.where),
        ("against", spec.against),
        ("by", spec.by),
        ("unit", (spec.unit,)),
    ):
        for column in columns:
            if column not in items and (key, column) != ("by", ROW):
                raise ValueError(
                    f"estimands.{name}.{key}: items have no column '{column}'; "
                    f"they have {', '.join(items.columns)}"
                )
