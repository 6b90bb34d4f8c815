"""Rank 1 that other lenses see too: a milestone of one lens alone may be the lens's own doing.

confirmed = the main lens's semantic row L, if another lens has rank 1 at some row within L ± w.
The search is of rows near L, not of the earliest such row. After logos-in-layers (2025).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from residue.lens.summaries.scan import START, Found, Words
from residue.lens.summaries.trajectories import Floats, Trajectories

UNCONFIRMED = "no other lens agrees"
NOT_ASKED = "no other lens was read"


class Confirmation(NamedTuple):
    """The confirmed row and who confirmed it."""

    found: Found
    sources: Words
    """(keys,) names of the lenses that agree, joined by `+`; empty where none does."""


def confirm(
    main: Found, others: Mapping[str, Trajectories], within: int = 2, start: int = START
) -> Confirmation:
    """Confirm the semantic rows of the main lens by other lenses' tables.

    others: lens → its trajectories, lines in the main lens's order (`Trajectories.like`), with
    the column `answer_rank`; within: rows to either side.
    """
    row = main.row
    sources: Words = np.full(row.shape, "", dtype=object)
    asked = np.zeros(row.shape, dtype=bool)
    for lens, t in others.items():
        rank = t["answer_rank"]
        near = np.abs(t.rows[None, :] - row[:, None]) <= within
        near &= t.rows >= start
        asked |= (near & np.isfinite(rank)).any(axis=-1)
        agrees = (near & (rank == 1)).any(axis=-1)
        joined = np.where(sources == "", lens, sources + f"+{lens}")
        sources = np.where(agrees, joined, sources).astype(object)
    confirmed: Floats = np.where(sources != "", row, np.nan)
    refusal = np.where(asked, UNCONFIRMED, NOT_ASKED)
    reason = np.where(np.isnan(row), main.reason, np.where(sources == "", refusal, ""))
    return Confirmation(Found(confirmed, reason.astype(object)), sources)


def run_overlaps(run: Floats, semantic: Floats, within: int = 2) -> Floats:
    """1 where a run of two rows from `run` meets semantic ± within, else 0; NaN where one lacks."""
    first = np.abs(run - semantic) <= within
    second = np.abs(run + 1 - semantic) <= within
    known = np.isfinite(run) & np.isfinite(semantic)
    return np.where(known, (first | second).astype(np.float64), np.nan)
