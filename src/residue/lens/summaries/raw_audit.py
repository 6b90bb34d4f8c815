"""Does the norm make the meaning? The norm lens against the raw one, row by row.

Over the rows of one trajectory with P norm, R raw and M = (P + R)/2:
- shares of rows with KL(P‖R) ≥ 1 and ≥ ½ bit, its maximum; quartiles of JS and Σ|P − R|; first
  rows with JS ≤ .1, L1 ≤ .5, Jaccard of the 50 most likely ≥ .5;
- norm-only rows: rank 1 in the norm lens and not in the raw one;
- s1 = .6·share(KL ≥ 1) + .3·[any norm-only] + .1·min(1, max KL / 5); tier < .2 low, ≤ .5 medium,
  else high; s2 = clip(s1 + .1·min(1, JS median / .1) + .05·min(1, L1 median / .5)).
`sampled` and `window` are views of the same table. After logos-in-layers (2025); a
window is cut when the risk is known, and each prompt has its own block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from residue.lens.summaries.scan import START, Flags, Found, first_row, found, quantile
from residue.lens.summaries.trajectories import Floats, Ints, Trajectories

COLUMNS = (
    "kl_norm_raw",
    "kl_raw_norm",
    "js",
    "l1",
    "jaccard_50",
    "answer_rank_norm",
    "answer_rank_raw",
)
"""Columns of the pair table that the audit is made of; divergences in bits."""
RADIUS, WIDE_RADIUS = 4, 8
HIGH, MEDIUM = 1.0, 0.5
"""Bits of KL from which a lens artefact is a high or medium risk."""


class Sweep(NamedTuple):
    """Of every row; (keys,) each."""

    share_high: Floats
    share_medium: Floats
    max_kl: Floats
    norm_only: Floats
    """How many rows."""
    first_norm_only: Found
    js: Floats
    """(3, keys) quartiles."""
    l1: Floats
    """(3, keys) quartiles."""
    jaccard: Floats
    """Median."""
    first_js: Found
    first_l1: Found
    first_jaccard: Found
    score: Floats
    """s1."""
    score_2: Floats
    tier: npt.NDArray[np.object_]


class View(NamedTuple):
    """Of some rows."""

    rows: Flags
    """(keys, rows) which."""
    first_norm_only: Floats
    norm_only: Flags
    """(keys, rows)."""
    max_kl: Floats
    risk: npt.NDArray[np.object_]
    """high with a norm-only row or 1 bit, medium from half a bit, else low."""


def norm_only(t: Trajectories) -> Flags:
    """(keys, rows): rank 1 in the norm lens and another rank in the raw one; unknown is false."""
    raw = t["answer_rank_raw"]
    flags: Flags = (t["answer_rank_norm"] == 1) & np.isfinite(raw) & (raw != 1)
    return flags


def sweep(t: Trajectories, start: int = START) -> Sweep:
    """The audit over all rows from `start` on."""
    scanned = t.rows >= start
    kl, js, l1, jaccard = (
        np.where(scanned, t[name], np.nan) for name in ("kl_norm_raw", "js", "l1", "jaccard_50")
    )
    alone = norm_only(t) & scanned
    quartiles = (0.25, 0.5, 0.75)
    js_q = np.stack([quantile(js, p) for p in quartiles])
    l1_q = np.stack([quantile(l1, p) for p in quartiles])
    share_high, max_kl = _share(kl, HIGH), _largest(kl)
    score = risk_score(share_high, alone.any(axis=-1), max_kl)

    def when(holds: Flags, values: Floats) -> Found:
        return found(t.rows, first_row(t.rows, holds, start), values, start=start)

    return Sweep(
        share_high=share_high,
        share_medium=_share(kl, MEDIUM),
        max_kl=max_kl,
        norm_only=alone.sum(axis=-1).astype(np.float64),
        first_norm_only=when(alone, t["answer_rank_raw"]),
        js=js_q,
        l1=l1_q,
        jaccard=quantile(jaccard, 0.5),
        first_js=when(js <= 0.1, js),
        first_l1=when(l1 <= 0.5, l1),
        first_jaccard=when(jaccard >= 0.5, jaccard),
        score=score,
        score_2=risk_score_2(score, js_q[1], l1_q[1]),
        tier=tier(score),
    )


def risk_score(share_high: Floats, any_norm_only: npt.ArrayLike, max_kl: Floats) -> Floats:
    """s1 in [0, 1]; NaN where no divergence was recorded."""
    score: Floats = (
        0.6 * share_high + 0.3 * np.asarray(any_norm_only) + 0.1 * np.minimum(1.0, max_kl / 5.0)
    )
    return score


def risk_score_2(score: Floats, js_median: Floats, l1_median: Floats) -> Floats:
    """s2 in [0, 1]: s1 with the bulk of the divergences."""
    more = 0.1 * np.minimum(1.0, js_median / 0.1) + 0.05 * np.minimum(1.0, l1_median / 0.5)
    clipped: Floats = np.clip(score + more, 0.0, 1.0)
    return clipped


def tier(score: Floats) -> npt.NDArray[np.object_]:
    """`low` below .2, `medium` to .5, `high` above; empty where there is no score."""
    words = np.select([score < 0.2, score <= 0.5, score > 0.5], ["low", "medium", "high"], "")
    return words.astype(object)


def sampled_rows(n: int) -> list[int]:
    """Row 0 and one row in each of three quarters of the depth."""
    return sorted({0, n // 4 + 1, n // 2 + 1, 3 * n // 4 + 1})


def window_rows(rows: Ints, centres: Sequence[Floats], radius: Floats | int) -> Flags:
    """(keys, rows): within the radius of any centre (keys,); NaN centres count for nothing."""
    reach = np.broadcast_to(np.asarray(radius, dtype=np.float64), centres[0].shape)
    near = np.zeros((centres[0].size, rows.size), dtype=bool)
    for centre in centres:
        near |= np.abs(rows[None, :] - centre[:, None]) <= reach[:, None]
    return near


def radius(max_kl: Floats, risk: npt.NDArray[np.object_]) -> Floats:
    """Rows around a centre: more where the risk, known from the whole table, is high."""
    wide: Floats = np.where((max_kl >= HIGH) | (risk == "high"), WIDE_RADIUS, RADIUS)
    return wide.astype(np.float64)


def view(t: Trajectories, chosen: Flags) -> View:
    """The audit of chosen rows (keys, rows)."""
    alone = norm_only(t) & chosen
    max_kl = _largest(np.where(chosen, t["kl_norm_raw"], np.nan))
    risky = alone.any(axis=-1) | (max_kl >= HIGH)
    risk = np.select([risky, max_kl >= MEDIUM], ["high", "medium"], "low").astype(object)
    return View(chosen, first_row(t.rows, alone, 0), alone, max_kl, risk)


def _share(values: Floats, threshold: float) -> Floats:
    known = np.isfinite(values).sum(axis=-1)
    share: Floats = (values >= threshold).sum(axis=-1) / np.where(known > 0, known, np.nan)
    return share


def _largest(values: Floats) -> Floats:
    most = np.where(np.isfinite(values), values, -np.inf).max(axis=-1)
    return np.where(np.isfinite(most), most, np.nan)
