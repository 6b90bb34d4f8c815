"""Would the gates still open if the logits were a little flatter or sharper?

Logits are scaled by s ∈ {.90, .95, 1.05, 1.10}. A scale changes no rank; the gap becomes s·gap,
and p is recomputed over the whole vocabulary. Pass fractions over the scales of the margin gate,
the gap gate, and both; a run of two passes where both of its rows do. After logos-in-layers (2025).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from residue.lens.summaries.trajectories import Floats

SCALES = (0.90, 0.95, 1.05, 1.10)
SENSITIVE = 0.75
"""Below this share of passing scales a gate hangs on calibration."""


class Passing(NamedTuple):
    """Shares of scales, (keys,); NaN where the row or the number is missing."""

    margin: Floats
    gap: Floats
    both: Floats


def scaled_probability(
    logits: npt.NDArray[np.floating], answer: npt.NDArray[np.integer], scales: Sequence[float]
) -> Floats:
    """p of the answer under scaled logits: (keys, vocabulary), (keys,) → (keys, scales)."""
    z = np.asarray(logits, dtype=np.float64)
    relative = z - np.take_along_axis(z, answer[:, None], axis=1)
    result = np.empty((len(z), len(scales)))
    for place, scale in enumerate(scales):
        scaled = scale * relative
        top = scaled.max(axis=1)
        result[:, place] = np.exp(-top) / np.exp(scaled - top[:, None]).sum(axis=1)
    return result


def passing(
    gap: Floats,
    p: Floats,
    vocabulary: int,
    *,
    scales: Sequence[float] = SCALES,
    least_gap: float = 0.5,
    least_margin: float = 0.002,
) -> Passing:
    """Shares of scales at which the gates open at one target.

    gap: (keys, rows of the target) gap to the runner-up at rank 1, in logits; p: (keys, rows of
    the target, scales) recomputed probabilities. NaN numbers make the shares NaN.
    """
    gap_ok = (gap[:, :, None] * np.asarray(scales) >= least_gap).all(axis=1)
    margin_ok = (p - 1.0 / vocabulary >= least_margin).all(axis=1)
    gap_known = np.isfinite(gap).all(axis=1)
    p_known = np.isfinite(p).all(axis=(1, 2))
    return Passing(
        margin=np.where(p_known, margin_ok.mean(axis=1), np.nan),
        gap=np.where(gap_known, gap_ok.mean(axis=1), np.nan),
        both=np.where(p_known & gap_known, (margin_ok & gap_ok).mean(axis=1), np.nan),
    )
