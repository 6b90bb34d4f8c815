"""Do the tests of independence hold their level, on the designs that data here have.

Data sets in which y does not depend on x, yet observations of a pair, stratum or cluster are alike;
each is tested, and the share of rejections must lie in the binomial band of the level. With a
planted dependence the same share is the power. The last design permutes clustered observations one
by one, which is wrong, and must be seen to be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats as laws

from residue.core.seeds import derive
from residue.specs.tests import CalibrationSpec
from residue.stats.independence import hsic_test
from residue.stats.intervals import Floats

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "design", "dimensions", "strength", "level", "repetitions", "rate", "low", "high", "inside",
    "n", "n_clusters", "method",
)  # fmt: skip
LEVELS = (0.05, 0.01)
CONFIDENCE = 0.99
"""Chance that no rate at all leaves its band while every test holds its level."""
WRONG = "clusters dealt freely"
CLUSTER, STRATUM = 4, 8


@dataclass(frozen=True)
class Drawn:
    """A data set, and how its observations may trade places."""

    x: Floats
    y: Floats
    options: Mapping[str, Any]
    units: int


Draw = Callable[[np.random.Generator, int, int, float], Drawn]


def _free(rng: np.random.Generator, n: int, d: int, strength: float) -> Drawn:
    x = rng.normal(size=(n, d))
    return Drawn(x, strength * x[:, 0] + rng.normal(size=n), {}, n)


def _pairs(rng: np.random.Generator, n: int, d: int, strength: float) -> Drawn:
    label = np.tile([0.0, 1.0], n // 2)
    twins = np.repeat(np.arange(n // 2), 2)
    x = 2.0 * rng.normal(size=(n // 2, d))[twins] + rng.normal(size=(n, d))
    x[:, 0] += strength * label
    return Drawn(x, label, {"pairs": twins, "kernel": ("rbf", "delta")}, n // 2)


def _strata(rng: np.random.Generator, n: int, d: int, strength: float) -> Drawn:
    # Both depend on the stratum, so that they are dependent, and independent inside each.
    place = np.repeat(np.arange(n // STRATUM), STRATUM)
    level = rng.normal(size=(n // STRATUM, 1))[place]
    x = 2.0 * level + rng.normal(size=(n, d))
    y = 2.0 * level[:, 0] + strength * (x[:, 0] - 2.0 * level[:, 0]) + rng.normal(size=n)
    return Drawn(x, y, {"strata": place}, n)


def _clusters(rng: np.random.Generator, n: int, d: int, strength: float) -> Drawn:
    # y belongs to the cluster, as an answer to a country.
    place = np.repeat(np.arange(n // CLUSTER), CLUSTER)
    own = rng.normal(size=(n // CLUSTER, d))
    x = 2.0 * own[place] + rng.normal(size=(n, d))
    y = (strength * own[:, 0] + rng.normal(size=n // CLUSTER))[place]
    return Drawn(x, y, {"clusters": place}, n // CLUSTER)


def _wrong(rng: np.random.Generator, n: int, d: int, strength: float) -> Drawn:
    made = _clusters(rng, n, d, strength)
    return Drawn(made.x, made.y, {}, n)


DESIGNS: Mapping[str, Draw] = {
    "free": _free,
    "pairs": _pairs,
    "strata": _strata,
    "clusters": _clusters,
    WRONG: _wrong,
}


def calibrate(spec: CalibrationSpec) -> pd.DataFrame:
    """`COLUMNS`: rejection rates per design, dimension, planted strength (0: the null) and level.

    low and high: the band of the rate under the null, Bonferroni over every cell of the table, so
    that it holds for all of them together with `CONFIDENCE`. inside: whether the rate lies in it;
    missing where a dependence is planted.
    """
    import pandas as pd

    made = pd.DataFrame(list(_lines(spec)), columns=list(COLUMNS))
    return made.astype({"inside": "boolean"})


def band_of(level: float, repetitions: int, cells: int) -> tuple[float, float]:
    """Rates that a test of this level may show, for one of so many cells."""
    tail = (1.0 - CONFIDENCE) / (2.0 * cells)
    ends = laws.binom.ppf([tail, 1.0 - tail], repetitions, level) / repetitions
    return float(ends[0]), float(ends[1])


def _lines(spec: CalibrationSpec) -> Iterator[dict[str, Any]]:
    cells = len(DESIGNS) * len(spec.dimensions) * len(LEVELS)
    for design in DESIGNS:
        for d in spec.dimensions:
            for strength in (0.0, *(spec.strengths if design != WRONG else ())):
                count = spec.power_repetitions if strength else spec.repetitions
                p, units, method = _p_values(design, d, strength, count, spec)
                for level in LEVELS:
                    rate = float((p <= level).mean())
                    low, high = band_of(level, count, cells)
                    yield {
                        "design": design, "dimensions": d, "strength": strength, "level": level,
                        "repetitions": count, "rate": rate, "low": low, "high": high,
                        "inside": None if strength else low <= rate <= high,
                        "n": spec.observations, "n_clusters": units, "method": method,
                    }  # fmt: skip


def _p_values(
    design: str, d: int, strength: float, count: int, spec: CalibrationSpec
) -> tuple[Floats, int, str]:
    found = np.empty(count)
    units, method = 0, ""
    for number in range(count):
        rng = np.random.default_rng(derive("stats.calibration", design, d, number))
        made = DESIGNS[design](rng, spec.observations, d, strength)
        tested = hsic_test(
            made.x, made.y, n_permutations=spec.permutations, seed=number, **made.options
        )
        found[number], units, method = tested.p_value, made.units, tested.method
    return found, units, method
