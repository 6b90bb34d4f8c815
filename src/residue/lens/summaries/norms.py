"""How the residual stream grows: the norm of the rows over the depth.

ln‖x_l‖ is fitted by a line in l: slope and R². A step ln‖x_l‖ − ln‖x_{l−1}‖ is a spike where it is
more than ln 3 away from the trajectory's median step: growth itself is no spike, and a fixed bound
on ‖h‖/‖x‖ or cos(x, h) would fire on every model. Shape: `spike` where there is one,
else `plateau` (|slope| ≤ .01), `monotonic` (R² ≥ .70) or `non_monotonic`. After
logos-in-layers (2025).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from residue.lens.summaries.scan import START
from residue.lens.summaries.trajectories import Floats, Ints, Trajectories

FLAT = 0.01
STEADY = 0.70
JUMP = float(np.log(3.0))


class Growth(NamedTuple):
    """(keys,) each; NaN with fewer than two norms."""

    slope: Floats
    r2: Floats
    spikes: Floats
    """How many steps."""
    shape: npt.NDArray[np.object_]


def growth(t: Trajectories, jump: float = JUMP, start: int = START) -> Growth:
    """Slope, fit, spikes and shape of the column `row_norm` from row `start` on: the step from
    embeddings to the first block's sum is of another kind."""
    norms = np.where(t.rows >= start, t["row_norm"], np.nan)
    logs = np.log(np.where(norms > 0, norms, np.nan))
    slope, r2 = line_fit(t.rows, logs)
    steps = np.diff(logs, axis=-1)
    n_spikes = np.zeros(len(t))
    for line, each in enumerate(steps):
        known = each[np.isfinite(each)]
        n_spikes[line] = (np.abs(known - np.median(known)) > jump).sum() if known.size else np.nan
    return Growth(slope, r2, n_spikes, shape(slope, r2, n_spikes))


def shape(slope: Floats, r2: Floats, spikes: Floats) -> npt.NDArray[np.object_]:
    """The word for a growth."""
    tests = [spikes > 0, np.isnan(slope), np.abs(slope) <= FLAT, r2 >= STEADY]
    words = np.select(tests, ["spike", "", "plateau", "monotonic"], "non_monotonic")
    return words.astype(object)


def line_fit(rows: Ints, values: Floats) -> tuple[Floats, Floats]:
    """Least-squares slope and R² of values (keys, rows) on the row number."""
    slopes, fits = np.full(len(values), np.nan), np.full(len(values), np.nan)
    for line, each in enumerate(values):
        known = np.isfinite(each)
        if known.sum() < 2:
            continue
        x, y = rows[known] - rows[known].mean(), each[known] - each[known].mean()
        slopes[line] = (x @ y) / (x @ x)
        total = y @ y
        fits[line] = (x @ y) ** 2 / ((x @ x) * total) if total > 0 else np.nan
    return slopes, fits


def absolute_spikes(
    rows: Ints, ratio: Floats, cosine: Floats, until: Floats, most: float = 3.0, least: float = 0.8
) -> Floats:
    """Rows l ≤ until with ‖h‖/‖x‖ > most or cos(x, h) < least, counted: the published rule, which
    fires on all models; for comparison with published numbers only.

    ratio, cosine: (keys, rows); until: (keys,), NaN: no bound.
    """
    bound = np.where(np.isnan(until), np.inf, until)
    early = rows[None, :] <= bound[:, None]
    count: Floats = (early & ((ratio > most) | (cosine < least))).sum(axis=-1).astype(np.float64)
    return count
