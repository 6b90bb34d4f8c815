"""An earlier system's measures of a defence that are made of several others, and signs of collapse.

That system trained for causal stability (likeness of clean rows under one order), spurious
separation (distance of attacked rows from clean ones) and causal discrimination, which is
separation - (1 - stability). All three are greatest when all clean rows are one point and all
attacked rows the opposite one, where nothing can be answered any more. So they are shown with the
effective rank of clean rows, and no claim is made of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from residue.representation.collapse import pseudo_values

if TYPE_CHECKING:
    from residue.records.store import RowsFile
    from residue.report.attacks import Attacks

Run = tuple[str, int, int]
_LEAST = 3
"""Countries without which an effective rank has no error."""


def discrimination(attacks: Attacks, arm: str) -> pd.DataFrame:
    """Separation - (1 - stability), country by country, as measured rows; one line per run."""
    means = {}
    for measure in ("separation", "stability"):
        rows = attacks.rows(arm, measure)
        scored = rows[rows["status"] == "ok"]
        means[measure] = scored.groupby(["pair", "seed", "country"])["value"].mean()
    both = (means["separation"] - 1.0 + means["stability"]).dropna()
    return _rows(both.rename("value").reset_index())


def effective_ranks(attacks: Attacks, arm: str, rows: Mapping[Run, RowsFile]) -> pd.DataFrame:
    """Jackknife values of the effective rank of clean items' last rows, as measured rows."""
    clean = attacks.rows(arm, "useful")
    found = [_of_run(*run[1:], held, clean) for run, held in rows.items() if run[0] == arm]
    return _rows(pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=_KEYS))


_KEYS = ["pair", "seed", "country", "value"]


def _of_run(pair: int, seed: int, held: RowsFile, clean: pd.DataFrame) -> pd.DataFrame:
    items, vectors = held.read(held.numbers[-1], "last")
    country = dict(zip(clean["item"], clean["country"], strict=True))
    kept = [number for number, item in enumerate(items) if item in country]
    labels = [country[items[number]] for number in kept]
    if len(set(labels)) < _LEAST:
        return pd.DataFrame(columns=_KEYS)
    values = pseudo_values(vectors[kept].astype(np.float64), labels)
    return pd.DataFrame(_lines(pair, seed, values), columns=_KEYS)


def _lines(pair: int, seed: int, values: Mapping[str, float]) -> Iterator[tuple[object, ...]]:
    for country, value in values.items():
        yield pair, seed, country, value


def _rows(values: pd.DataFrame) -> pd.DataFrame:
    """As measured rows with one item per country, scored."""
    return values.assign(item=values["country"], weight=1.0, status="ok")
