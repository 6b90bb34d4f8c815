"""At which row first: the one way in which every milestone is found.

Scans go upwards and begin at row 1: at row 0 a model with tied embeddings decodes every token to
itself, which says nothing about what it will answer. The start is a parameter, so that conventions
that begin at row 0 can be reproduced. A row that is not found is NaN, and has a reason.

Conventions: "at most" and "at least" include the threshold; quantiles are linear between order
statistics (position p·(m−1)); the row at a fraction p of the depth is round(n·p), halves to even.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from residue.lens.summaries.trajectories import Floats, Ints

Flags = NDArray[np.bool_]
Words = NDArray[np.object_]

START = 1
NEVER = "never"
UNRECORDED = "not recorded"
ONLY_LAST = "only at the last row"


class Found(NamedTuple):
    """Where something first holds."""

    row: Floats
    """(keys,) row number, NaN where it was not found."""
    reason: Words
    """(keys,) why it was not found; empty where it was."""


def first_row(rows: Ints, holds: Flags, start: int = START) -> Floats:
    """The first row l ≥ start at which `holds` (…, rows) is true; NaN where it never is."""
    held = holds & (rows >= start)
    first = rows[held.argmax(axis=-1)].astype(np.float64)
    return np.where(held.any(axis=-1), first, np.nan)


def first_run(rows: Ints, holds: Flags, length: int = 2, start: int = START) -> Floats:
    """The first row l ≥ start such that `holds` is true at l, l+1, …, l+length−1.

    So a run of two cannot begin at the last row.
    """
    runs = holds.copy()
    for ahead in range(1, length):
        later = np.zeros_like(holds)
        follows = rows[ahead:] == rows[: rows.size - ahead] + ahead
        later[..., : rows.size - ahead] = holds[..., ahead:] & follows
        runs &= later
    return first_row(rows, runs, start)


def first_lasting(rows: Ints, holds: Flags, start: int = START) -> Floats:
    """The first row l ≥ start from which `holds` is true at every row to the last one."""
    to_the_end = np.logical_and.accumulate(holds[..., ::-1], axis=-1)[..., ::-1]
    return first_row(rows, to_the_end, start)


def found(rows: Ints, row: Floats, *inputs: Floats, start: int = START) -> Found:
    """A row with its reason: what was never true is told from what was never recorded.

    inputs: the columns (keys, rows) from which it was decided.
    """
    scanned = rows >= start
    known = np.ones(row.shape, dtype=bool)
    for values in inputs:
        known &= (np.isfinite(values) & scanned).any(axis=-1)
    missing = np.where(known, NEVER, UNRECORDED).astype(object)
    return Found(row, np.where(np.isnan(row), missing, "").astype(object))


def found_run(rows: Ints, holds: Flags, *inputs: Floats, start: int = START) -> Found:
    """A run of two with its reason; true at the last row alone is said apart."""
    result = found(rows, first_run(rows, holds, 2, start), *inputs, start=start)
    alone = np.isnan(result.row) & (first_row(rows, holds, start) == rows[-1])
    return Found(result.row, np.where(alone, ONLY_LAST, result.reason).astype(object))


def at_row(rows: Ints, values: NDArray[np.generic], row: ArrayLike) -> Floats:
    """Values (keys, rows) at one row per key; NaN where the row is NaN or not among `rows`."""
    wanted = np.asarray(row, dtype=np.float64)
    hit = rows[None, :] == wanted[:, None]
    taken = np.asarray(values, dtype=np.float64)[np.arange(len(hit)), hit.argmax(axis=-1)]
    return np.where(hit.any(axis=-1), taken, np.nan)


def row_at(n: int, fraction: float) -> int:
    """The row at a fraction of the depth n."""
    return max(0, min(n, round(n * fraction)))


def quantile(values: Floats, p: float) -> Floats:
    """Linear quantile over the last axis, of what is recorded; NaN where nothing is."""
    known = np.isfinite(values)
    ordered = np.sort(np.where(known, values, np.inf), axis=-1)
    m = known.sum(axis=-1)
    place = p * np.maximum(m - 1, 0)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(m - 1, 0))
    below = np.take_along_axis(ordered, low[..., None], axis=-1)[..., 0]
    above = np.take_along_axis(ordered, high[..., None], axis=-1)[..., 0]
    below, above = np.where(m > 0, below, np.nan), np.where(m > 0, above, np.nan)
    mixed: Floats = below + (place - low) * (above - below)
    return mixed


def named(threshold: float) -> str:
    """A threshold inside a milestone's name; the only formatter, so that names always meet."""
    return f"{threshold:.6f}".rstrip("0").rstrip(".")
