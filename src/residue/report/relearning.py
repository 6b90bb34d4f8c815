"""Does what can still be read inside a model tell how fast it relearns?

Each point is one edited model of one seed: across what a lens or a patch finds inside it before any
attack, up how much an attack by training brings back, as the mean recovery over its curve less the
recovery at its start. Facts that were never forgotten are so no relearning.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from residue.core.seeds import derive
from residue.report.rows import records
from residue.specs.conditions import PLAIN
from residue.specs.statistics import StatisticsSpec
from residue.stats.ranks import spearman_interval

INSIDE = ("lens_recall", "forget_depth")
"""Estimands read across: 1 for all there (lens recall), 1 for all gone (depth of the edit)."""
COLUMNS = (
    "attack", "inside", "what", "arm", "seed", "across", "gain", "estimate", "low", "high", "level",
    "n_arms", "n_points", "method",
)  # fmt: skip
_NOTHING: dict[str, Any] = {
    "arm": "", "seed": -1, "across": math.nan, "gain": math.nan, "estimate": math.nan,
    "low": math.nan, "high": math.nan, "level": math.nan, "n_arms": 1, "n_points": 1, "method": "",
}  # fmt: skip


def relearning_table(
    estimates: pd.DataFrame, recovery: pd.DataFrame, statistics: StatisticsSpec
) -> pd.DataFrame:
    """For each attack that has a curve and each of `INSIDE`: a line per model (``what`` is
    ``model``), and the rank correlation over them (``correlation``) where there are two at least.

    Base and oracle are left out: their recovery is 1 and 0 by definition. Columns `COLUMNS`.
    """
    lines: list[dict[str, Any]] = []
    for attack in dict.fromkeys(recovery.loc[recovery["measure"] == "area", "attack"]):
        gains = _gains(recovery[recovery["attack"] == attack])
        for inside in INSIDE:
            lines += _of(str(attack), inside, estimates, gains, statistics)
    made = pd.DataFrame(lines, columns=list(COLUMNS))
    return made.astype(dict.fromkeys(("seed", "n_arms", "n_points"), "int64"))


def _gains(recovery: pd.DataFrame) -> dict[str, np.ndarray]:
    """By arm: mean recovery over the curve less that at its start, for each seed."""
    found = {}
    for arm, rows in recovery.groupby("arm", sort=False):
        area = rows.loc[rows["measure"] == "area", "seed_values"]
        start = rows.loc[
            (rows["measure"] == "recovery") & (rows["condition"] == PLAIN), "seed_values"
        ]
        if len(area) and len(start) and len(area.iloc[0]) == len(start.iloc[0]) > 0:
            found[str(arm)] = np.asarray(area.iloc[0]) - np.asarray(start.iloc[0])
    return found


def _of(
    attack: str,
    inside: str,
    estimates: pd.DataFrame,
    gains: dict[str, np.ndarray],
    statistics: StatisticsSpec,
) -> Iterator[dict[str, Any]]:
    mine = estimates[(estimates["estimand"] == inside) & (estimates["condition"] == PLAIN)]
    head = _NOTHING | {"attack": attack, "inside": inside}
    points: list[dict[str, Any]] = []
    for row in records(mine):
        gain = gains.get(row["arm"], np.empty(0))
        across = np.asarray(row["seed_values"], dtype=np.float64)
        if len(across) > len(gain) > 0 and len(across) % len(gain) == 0:
            across = across.reshape(len(gain), -1).mean(axis=1)  # several pairs: a line is a pair
        if len(gain) and len(across) == len(gain):
            points += [
                head | {"what": "model", "arm": row["arm"], "seed": n, "across": x, "gain": y}
                for n, (x, y) in enumerate(zip(across, gain, strict=True))
            ]
    yield from points
    if len(points) < 2:
        return
    rng = np.random.default_rng(derive("relearning", statistics.seed, attack, inside))
    found = spearman_interval(
        [each["across"] for each in points],
        [each["gain"] for each in points],
        [each["arm"] for each in points],
        rng,
        level=statistics.level,
    )
    yield head | {
        "what": "correlation", "estimate": found.estimate, "low": found.low, "high": found.high,
        "level": found.level, "n_arms": found.n, "n_points": len(points), "method": found.method,
    }  # fmt: skip
