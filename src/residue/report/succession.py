"""What is left of each request where edits are asked to forget in parts: at once, or one by one.

An arm's last request is what it was asked just now; of earlier ones it says whether a later edit
brought them back; of countries not yet asked for, what forgetting costs that nobody wanted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from residue.report.estimates import estimates
from residue.specs.arms import PartSpec
from residue.specs.claims import FORGET, RETAIN, EstimandSpec
from residue.specs.statistics import StatisticsSpec
from residue.world.requests import forgotten_countries, part_countries

METRIC = "exact_answer"
NOT_ASKED = "not_asked"
CONTROLS = ("base", "oracle")
_TAKEN = (
    "reference", "estimate", "low", "high", "level", "n_items", "n_clusters", "n_seeds", "n_pairs",
    "n_unscorable", "seed_values", "method", "note",
)  # fmt: skip
COLUMNS = ("series", "arm", "after", "n_requests", "share_asked", "asked", *_TAKEN)


@dataclass(frozen=True)
class Asked:
    """An arm, the first arm of its edit, the arm it comes after, and the part of each of its
    requests; none: all."""

    series: str
    arm: str
    after: str = ""
    requests: tuple[PartSpec, ...] = ()


def succession_table(
    measurements: pd.DataFrame,
    deck: pd.DataFrame,
    known: pd.DataFrame,
    edit_data: pd.DataFrame,
    arms: Sequence[Asked],
    statistics: StatisticsSpec,
) -> pd.DataFrame:
    """One row per arm, group of items and reference (none, base, oracle).

    `asked`: ``request_1`` and so on, ``not_asked``, ``retain_touched``, ``retain_untouched``. A
    country that two requests ask for belongs to the later one. Base and oracle have rows of their
    own, asked for nothing and, once, for all. Forget facts are those in the languages of the
    request; only seen wordings, and facts that the base knows.
    """
    measured = measurements[measurements["metric"] == METRIC]
    items = deck[(deck["family"] == "seen") & (deck["style"] == "plain")]
    whole = forgotten_countries(edit_data)
    rows: list[dict[str, Any]] = []
    for each in (Asked("", "base"), Asked("", "oracle"), *arms):
        asked = _requests(each, whole, edit_data)
        met = sorted({country for countries in asked for country in countries})
        head = {
            "series": each.series,
            "arm": each.arm,
            "after": each.after,
            "n_requests": len(asked),
            "share_asked": len(met) / len(whole),
        }
        mine = items.assign(asked=_groups(items, asked))
        mine = mine[mine["asked"] != ""]
        own = measured[measured["arm"].isin([each.arm, *CONTROLS])]
        made = estimates(own, mine, known, _estimands(each.arm, mine), statistics)
        for row in made[made["arm"] == each.arm].to_dict("records"):
            group = str(row["slice"]).partition("=")[2]
            rows.append(head | {"asked": group} | {name: row[name] for name in _TAKEN})
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"n_requests": "int64"})


def _requests(
    each: Asked, whole: frozenset[str], edit_data: pd.DataFrame
) -> tuple[frozenset[str], ...]:
    if each.arm == "base":
        return ()
    return tuple(part_countries(edit_data, part) for part in each.requests) or (whole,)


def _groups(items: pd.DataFrame, asked: Sequence[frozenset[str]]) -> pd.Series[str]:
    """The group of each item; empty for what belongs to none."""
    request = {country: f"request_{k}" for k, met in enumerate(asked, 1) for country in met}
    forget = items["split"].isin(FORGET) & items["requested"].astype(bool)
    of = items["country"].map(lambda country: request.get(country, NOT_ASKED))
    return of.where(forget, items["split"].where(items["split"].isin(RETAIN), ""))


def _estimands(arm: str, items: pd.DataFrame) -> Mapping[str, EstimandSpec]:
    where = {"asked": tuple(sorted(set(items["asked"])))}
    references = ("none",) if arm in CONTROLS else ("none", "base", "oracle")
    return {
        name: EstimandSpec(metric=METRIC, where=where, by=("asked",), reference=name)  # type: ignore[arg-type]
        for name in references
    }
