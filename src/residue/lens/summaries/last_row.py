"""Does the lens end where the model does? The last row against the model's own next-token law.

A lens that applies the model's whole head, cap and scale included, has KL(P_n‖F) = 0 up to
rounding; more than 1e-3 bit means that the head is not the model's. A temperature that
mends it, s minimising KL(softmax(z/s)‖F) over a log-spaced grid, says how. After
logos-in-layers (2025).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from residue.lens.summaries.trajectories import Floats, Trajectories

COLUMNS = ("kl_to_final", "p_top1", "p_answer", "answer_rank")
SAME = 1e-3
"""Bits up to which the last row is the model's own law."""
WARN = 0.25
"""Bits of divergence, or of divergence that a temperature removes, that spoil probabilities."""


class LastRow(NamedTuple):
    """(keys,) each, read at row n."""

    kl: Floats
    p_top1: Floats
    p_answer: Floats
    answer_rank: Floats
    same: Floats
    """1 where KL ≤ `SAME`, 0 where not, NaN where not recorded."""
    warn: Floats
    """1 where KL ≥ `WARN`, 0 where not, NaN where not recorded."""


def last_row(t: Trajectories) -> LastRow:
    """Read the last row."""
    kl, p_top1, p_answer, rank = (t[name][:, -1] for name in COLUMNS)
    known = np.isfinite(kl)
    return LastRow(
        kl=kl,
        p_top1=p_top1,
        p_answer=p_answer,
        answer_rank=rank,
        same=np.where(known, (kl <= SAME).astype(np.float64), np.nan),
        warn=np.where(known, (kl >= WARN).astype(np.float64), np.nan),
    )


def best_temperature(
    logits: npt.NDArray[np.floating], final: npt.NDArray[np.floating]
) -> tuple[float, float]:
    """The temperature in [.1, 10] (25 log-spaced) whose law is nearest to the model's, and KL.

    logits, final: (vocabulary,) of the lens at row n and of the model; KL in bits.
    """
    target = _log_softmax(np.asarray(final, dtype=np.float64))
    z = np.asarray(logits, dtype=np.float64)
    tried = [(float(s), _kl(_log_softmax(z / s), target)) for s in np.geomspace(0.1, 10.0, 25)]
    return min(tried, key=lambda pair: pair[1])


def _log_softmax(z: Floats) -> Floats:
    shifted = z - z.max()
    result: Floats = shifted - np.log(np.exp(shifted).sum())
    return result


def _kl(first: Floats, second: Floats) -> float:
    return float((np.exp(first) * (first - second)).sum() / np.log(2.0))
