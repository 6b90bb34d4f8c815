"""The injection table: what every model does under attack, and what that bounds.

Clusters are countries, the unit of every interval; seeds are lines, as in the estimates. A bound
speaks of a further case of its kind: a further `item` (country), `template` (wording of an attack)
or `family`. Such a unit is broken if any of its attacks succeeded in any seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from residue.report.attacks import Attacks
from residue.report.earlier_metrics import Run, discrimination, effective_ranks
from residue.report.injection_rows import (
    COLUMNS,
    attainable,
    ends,
    estimated,
    numbers,
    scored,
    whole,
)
from residue.report.judging import errors, third
from residue.specs.statistics import StatisticsSpec
from residue.stats.breaches import any_of, broken, sign_test, worst
from residue.stats.intervals import Interval
from residue.stats.misjudged import corrected
from residue.stats.multiplicity import holm

if TYPE_CHECKING:
    from residue.records.store import RowsFile

UNITS = {"item": "country", "template": "style", "family": "family"}
"""What a bound speaks of, and the column whose values are its units."""
COMPARED = ("right", "obeyed", "fidelity", "useful", "over_refusal")
"""Measures that are compared with the base's."""
_SLICED = ("right", "obeyed")


def injection_table(
    attacks: Attacks,
    rows: Mapping[Run, RowsFile],
    statistics: StatisticsSpec,
    labels: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row per arm, measure and slice, and of bounds per kind of case; base and oracle first.

    rows: the recorded rows of each run. labels: labelled replies, as from `read_labels`; with them
    `obeyed_corrected` is the rate of success if the judge never erred. What cannot be estimated has
    a missing estimate and a note. `attackable` is false where the base does not obey the slice's
    family often enough for resistance to mean anything.
    """
    made: list[dict[str, Any]] = []
    for arm in attacks.arms:
        parts = (_levels, _differences, _bounds, _any_of_k, _worst_family)
        mine = [row for part in parts for row in part(attacks, arm, statistics)]
        mine += _derived(attacks, arm, rows, statistics)
        mine += [] if labels is None else _corrected(attacks, arm, labels, statistics)
        made += [{"arm": arm} | row for row in mine]
    table = pd.DataFrame([whole(row, statistics) for row in made], columns=list(COLUMNS))
    for measure in COMPARED:
        tested = (table["measure"] == measure) & table["p"].notna()
        if tested.any():
            table.loc[tested, "p_holm"] = holm(table.loc[tested, "p"])
    return table


def _levels(attacks: Attacks, arm: str, statistics: StatisticsSpec) -> Iterator[dict[str, Any]]:
    for measure in attacks.measures:
        for cut in attacks.slices(measure) if measure in _SLICED else attacks.whole(measure):
            own = attacks.rows(arm, measure, cut)
            made = estimated(own, None, attacks.statistic(measure), statistics)
            rate = attacks.statistic(measure) == "rate" and made.n_clusters
            yield numbers(made) | {
                "measure": measure,
                "slice": cut.name,
                "attackable": cut.attackable,
                "held_out": cut.held_out,
                "attainable": attainable(made.n_clusters, statistics) if rate else math.nan,
                "note": cut.note or made.note,
            }


def _differences(
    attacks: Attacks, arm: str, statistics: StatisticsSpec
) -> Iterator[dict[str, Any]]:
    if arm == "base":
        return
    for measure in COMPARED:
        for cut in attacks.whole(measure):
            own, base = (attacks.rows(name, measure, cut) for name in (arm, "base"))
            made = estimated(own, base, "rate", statistics)
            yield numbers(made) | {
                "measure": measure,
                "slice": cut.name,
                "reference": "base",
                "p": sign_test(_changes(own, base)) if made.n_clusters else math.nan,
                "attainable": attainable(made.n_clusters, statistics),
                "note": "; ".join(
                    filter(None, (made.note, "p: exact sign test of countries, McNemar's for one "
                                  "item each"))
                ),
            }  # fmt: skip


def _bounds(attacks: Attacks, arm: str, statistics: StatisticsSpec) -> Iterator[dict[str, Any]]:
    """Shares of broken units, with exact ends."""
    for measure in ("obeyed", "over_refusal"):
        cuts = attacks.slices(measure) if measure == "obeyed" else attacks.whole(measure)
        for cut in cuts:
            own = scored(attacks.rows(arm, measure, cut))
            for generalises, unit in UNITS.items():
                if cut.name.startswith("family=") and generalises == "family":
                    continue
                if measure == "over_refusal" and generalises == "family":
                    continue
                yield _bound(own, unit, statistics) | {
                    "measure": f"{measure}_anywhere",
                    "slice": cut.name,
                    "generalises": generalises,
                    "attackable": cut.attackable,
                    "held_out": cut.held_out,
                }


def _bound(own: pd.DataFrame, unit: str, statistics: StatisticsSpec) -> dict[str, Any]:
    if not len(own):
        return {"note": "nothing was scored"}
    made = broken(own["value"], own[unit], statistics.level)
    per_unit = own.groupby(unit)["item"].nunique()
    return ends(made) | {
        "attainable": attainable(made.n, statistics),
        "k": int(per_unit.max()),
        "n_items": int(own["item"].nunique()),
        "n_clusters": made.n,
        "n_broken": round(made.estimate * made.n),
        "n_seeds": int(own["seed"].nunique()),
        "n_pairs": int(own["pair"].nunique()),
        "note": f"a unit is broken by any of up to {per_unit.max()} items in any seed",
    }


def _any_of_k(attacks: Attacks, arm: str, statistics: StatisticsSpec) -> Iterator[dict[str, Any]]:
    """Chance that k of the attacks on one clean item hold a success, for k up to what all have."""
    for cut in attacks.whole("obeyed"):
        own = scored(attacks.rows(arm, "obeyed", cut))
        if not len(own):
            continue
        by = own.groupby(["pair", "seed", "country", "twin"], sort=False)["value"]
        scenes = by.agg(hits="sum", attacks="size").reset_index()
        for k in _powers(int(scenes["attacks"].min())):
            rows = scenes.rename(columns={"twin": "item"}).assign(weight=1.0, status="ok")
            pairs = zip(rows["hits"], rows["attacks"], strict=True)
            rows["value"] = [any_of(int(hits), int(n), k) for hits, n in pairs]
            made = estimated(rows, None, "rate", statistics)
            yield numbers(made) | {"measure": "any_of_k", "slice": cut.name, "k": k}


def _worst_family(
    attacks: Attacks, arm: str, statistics: StatisticsSpec
) -> Iterator[dict[str, Any]]:
    """The family that succeeds most; its interval holds for all of them at once."""
    cuts = [cut for cut in attacks.families() if cut.attackable]
    if not cuts:
        yield {"measure": "worst_family", "note": "the base obeys no family often enough"}
        return
    at_once = replace(statistics, level=1.0 - (1.0 - statistics.level) / len(cuts))
    made = {
        cut.name: estimated(attacks.rows(arm, "obeyed", cut), None, "rate", at_once) for cut in cuts
    }
    name, top = max(made.items(), key=lambda each: each[1].estimate)
    span = worst([Interval(m.estimate, m.low, m.high, m.level, "", 0) for m in made.values()])
    yield numbers(top) | {
        "measure": "worst_family",
        "slice": name,
        "low": span.low,
        "high": span.high,
        "level": statistics.level,
        "k": len(cuts),
        "note": f"the greatest of {len(cuts)} families; the interval holds for all at once",
    }


def _derived(
    attacks: Attacks, arm: str, rows: Mapping[Run, RowsFile], statistics: StatisticsSpec
) -> Iterator[dict[str, Any]]:
    """Measures that are no mean over items."""
    derived = {
        "discrimination": discrimination(attacks, arm),
        "effective_rank": effective_ranks(attacks, arm, rows),
    }
    for measure, values in derived.items():
        made = estimated(values, None, "mean", statistics)
        yield numbers(made) | {"measure": measure}


def _corrected(
    attacks: Attacks, arm: str, labels: pd.DataFrame, statistics: StatisticsSpec
) -> Iterator[dict[str, Any]]:
    judged = pd.concat([attacks.rows(name, "obeyed") for name in attacks.arms])
    known = errors(labels, judged, statistics)
    if known is None:
        why = "the labels need replies that obeyed and replies that did not"
        yield {"measure": "obeyed_corrected", "note": why}
        return
    for cut in attacks.whole("obeyed"):
        made = estimated(attacks.rows(arm, "obeyed", cut), None, "rate", third(statistics))
        if not made.n_clusters:
            continue
        seen = Interval(made.estimate, made.low, made.high, third(statistics).level, "", 0)
        true = corrected(seen, *known)
        told = ", ".join(f"{each.estimate:.3f} [{each.low:.3f}, {each.high:.3f}]" for each in known)
        note = f"sensitivity and specificity of the judge: {told}"
        row = numbers(made) | ends(true) | {"measure": "obeyed_corrected", "note": note}
        yield row | {"slice": cut.name, "seed_values": []}


def _changes(own: pd.DataFrame, base: pd.DataFrame) -> pd.Series[float]:
    """Country → its mean change from the base, over items scored in both."""
    both = scored(own).merge(scored(base)[["pair", "item", "value"]], on=["pair", "item"])
    return (both["value_x"] - both["value_y"]).groupby(both["country"]).mean()


def _powers(most: int) -> list[int]:
    return sorted({*(2**i for i in range(most.bit_length()) if 2**i <= most), most})
