"""From measurements to the estimates table: one interval per estimand, arm, condition and slice."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from residue.specs.claims import EstimandSpec
from residue.specs.statistics import StatisticsSpec
from residue.stats.estimands import estimate

LOG = logging.getLogger(__name__)

COLUMNS = (
    "estimand", "arm", "condition", "slice", "metric", "statistic", "reference", "estimate", "low",
    "high", "level", "n_items", "n_clusters", "n_seeds", "n_pairs", "seed_values", "method", "note",
)  # fmt: skip
_TAKEN = ("estimate", "low", "high", "level", "n_items", "n_clusters", "n_seeds", "n_pairs",
          "method", "note")  # fmt: skip
_MEASURED = ["arm", "condition", "pair", "seed", "item", "row", "value", "weight", "status"]


def estimates(
    measurements: pd.DataFrame,
    items: pd.DataFrame,
    known: pd.DataFrame,
    estimands: Mapping[str, EstimandSpec],
    statistics: StatisticsSpec,
) -> pd.DataFrame:
    """Estimate every estimand on every arm and condition, in the order of the config.

    `measurements`: the long table of all arms. `items`: one row per item. `known`: pair, item,
    known — whether the base of that pair knows the fact of the item. Every condition of an arm is
    compared with the reference model's ``plain`` condition. What cannot be estimated (no such item,
    metric or reference) has a row with a missing estimate and a note that says why. ValueError
    where an estimand names a column that the items do not have.
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
        head = {"estimand": name, "metric": spec.metric, "statistic": spec.statistic,
                "reference": spec.reference}  # fmt: skip
        for arm, condition in runs:
            if arm == spec.reference and condition == "plain":
                continue
            for cell in _cells(chosen, spec) or [""]:
                own = parts.get((arm, condition, cell))
                against = parts.get((spec.reference, "plain", cell))
                where = head | {"arm": arm, "condition": condition, "slice": cell}
                rows.append(where | _one(own, against, spec, statistics, fault))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _one(
    own: pd.DataFrame | None,
    against: pd.DataFrame | None,
    spec: EstimandSpec,
    statistics: StatisticsSpec,
    fault: str,
) -> dict[str, Any]:
    if not fault and (own is None or (spec.reference != "none" and against is None)):
        fault = "the base knows none of these facts" if spec.only_known else "nothing was measured"
    if fault:
        return _missing(fault, statistics.level)
    reference = against if spec.reference != "none" else None
    if reference is not None and own is not None:
        reference = reference[reference["pair"].isin(own["pair"].unique())]
    made = estimate(own, spec.unit, reference, spec.statistic, statistics)  # type: ignore[arg-type]
    taken = {column: getattr(made, column) for column in _TAKEN}
    return taken | {"seed_values": list(made.seed_values)}


def _runs(measurements: pd.DataFrame) -> list[tuple[str, str]]:
    """Arms and conditions: base and oracle first, then as they come."""
    found = measurements[["arm", "condition"]].drop_duplicates()
    pairs = list(zip(found["arm"], found["condition"], strict=True))
    return sorted(pairs, key=lambda run: {"base": 0, "oracle": 1}.get(run[0], 2))


def _chosen(items: pd.DataFrame, spec: EstimandSpec) -> pd.DataFrame:
    """The items of an estimand with their unit and their slice, e.g. ``language=hi``."""
    keep = pd.Series(True, index=items.index)
    for column, values in spec.where.items():
        keep &= items[column].isin(list(values))
    kept = items.loc[keep]
    cell = pd.Series("", index=kept.index, dtype=object)
    for column in spec.by:
        text = kept[column].astype(str)
        if kept[column].dtype == bool:
            text = text.str.lower()
        cell = cell.where(cell == "", cell + ",") + f"{column}=" + text
    return pd.DataFrame({"item": kept["item"], spec.unit: kept[spec.unit], "slice": cell})


def _cells(chosen: pd.DataFrame, spec: EstimandSpec) -> list[str]:
    return list(dict.fromkeys(chosen["slice"])) if spec.by else []


def _parts(
    scored: pd.DataFrame, chosen: pd.DataFrame, sure: pd.MultiIndex, spec: EstimandSpec
) -> dict[tuple[str, str, str], pd.DataFrame]:
    """Measured rows of the chosen items by arm, condition and slice; unknown facts left out."""
    table = scored.merge(chosen, on="item", how="inner")
    if spec.only_known:
        known = pd.MultiIndex.from_frame(table[["pair", "item"]]).isin(sure)
        table = table[known]
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
    if not len(chosen):
        fault = f"no item matches {_in_words(spec)}"
    elif scored is None:
        fault = f"'{spec.metric}' was not measured"
    elif spec.reference != "none" and spec.reference not in arms:
        fault = f"this run has no {spec.reference} to compare with"
    if fault:
        LOG.warning("estimand %s has no estimate: %s", name, fault)
    return fault


def _in_words(spec: EstimandSpec) -> str:
    return " and ".join(
        f"{column} = {' or '.join(str(value).lower() for value in values)}"
        for column, values in spec.where.items()
    )


def _missing(why: str, level: float) -> dict[str, Any]:
    nothing = dict.fromkeys(("estimate", "low", "high"), math.nan)
    counts = dict.fromkeys(("n_items", "n_clusters", "n_seeds", "n_pairs"), 0)
    return {**nothing, **counts, "level": level, "seed_values": [], "method": "none", "note": why}


def _check_columns(name: str, spec: EstimandSpec, items: pd.DataFrame) -> None:
    for key, columns in (("where", spec.where), ("by", spec.by), ("unit", (spec.unit,))):
        for column in columns:
            if column not in items:
                raise ValueError(
                    f"estimands.{name}.{key}: items have no column '{column}'; "
                    f"they have {', '.join(items.columns)}"
                )
