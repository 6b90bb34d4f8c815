"""At which row a lens first reads the answer, and how firmly: the milestones of one trajectory.

With rank r_l, probability p_l and logit gap g_l = z_l[answer] − max over the others, per row l:
- rank<=k: r_l ≤ k; `semantic` is rank<=1. kl<=b: KL(P_l‖F) ≤ b bits. cos>=c: cosine of
  vocabulary-centred logits with the final ones. entropy<=h: the entropy collapses.
- margin_ok: r_l = 1 and p_l − 1/V ≥ margin (not merely first among near-uniform).
- gap>=g, top2_ok: r_l = 1 and g_l ≥ gap. strong: all of these. run2, strong_run2: at l and l+1.
After logos-in-layers (github.com/forms-and-features/logos-in-layers, 2025), with scans from row 1.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from residue.lens.summaries.scan import (
    START,
    Found,
    first_row,
    found,
    found_run,
    named,
    quantile,
)
from residue.lens.summaries.trajectories import Floats, Trajectories

SEMANTIC = "semantic"
COLUMNS = (
    "entropy",
    "entropy_gap",
    "teacher_entropy",
    "p_top1",
    "p_answer",
    "answer_rank",
    "answer_logit_gap",
    "kl_to_final",
    "cos_to_final",
)
"""Columns of a lens table that milestones are made of."""


def at_most(t: Trajectories, column: str, threshold: float, start: int = START) -> Found:
    """First row at which the column is at most the threshold."""
    values = t[column]
    return found(t.rows, first_row(t.rows, values <= threshold, start), values, start=start)


def at_least(t: Trajectories, column: str, threshold: float, start: int = START) -> Found:
    """First row at which the column is at least the threshold."""
    values = t[column]
    return found(t.rows, first_row(t.rows, values >= threshold, start), values, start=start)


def semantic(t: Trajectories, start: int = START) -> Found:
    """First row at which the answer's first token has rank 1 (ties counted against it)."""
    return at_most(t, "answer_rank", 1, start)


def rank_milestones(t: Trajectories, ranks: Iterable[int], start: int = START) -> dict[str, Found]:
    """`rank<=k` for each k."""
    return {f"rank<={k}": at_most(t, "answer_rank", k, start) for k in ranks}


def kl_milestones(t: Trajectories, bits: Iterable[float], start: int = START) -> dict[str, Found]:
    """`kl<=b` for each number of bits."""
    return {f"kl<={named(b)}": at_most(t, "kl_to_final", b, start) for b in bits}


def cosine_milestones(
    t: Trajectories, cosines: Iterable[float], start: int = START
) -> dict[str, Found]:
    """`cos>=c` for each cosine."""
    return {f"cos>={named(c)}": at_least(t, "cos_to_final", c, start) for c in cosines}


def gap_milestones(t: Trajectories, gaps: Iterable[float], start: int = START) -> dict[str, Found]:
    """`gap>=g` for each gap in logits; a positive gap means rank 1."""
    return {f"gap>={named(g)}": at_least(t, "answer_logit_gap", g, start) for g in gaps}


def entropy_collapse(t: Trajectories, bits: float, start: int = START) -> Found:
    """First row whose entropy is at most so many bits."""
    return at_most(t, "entropy", bits, start)


def margin_over_uniform(t: Trajectories, vocabulary: int) -> Floats:
    """p_answer − 1/V, (keys, rows)."""
    over: Floats = t["p_answer"] - 1.0 / vocabulary
    return over


def gate_milestones(
    t: Trajectories,
    vocabulary: int,
    margin: float = 0.002,
    gap: float = 0.5,
    start: int = START,
) -> dict[str, Found]:
    """`margin_ok`, `top2_ok`, `strong`, `run2`, `strong_run2`: rank 1 that is more than a hair.

    vocabulary: V of the uniform law; margin: probability; gap: logits. All columns come from the
    lens table itself, so no gate can be dead for want of a field.
    """
    rank, p, gaps = t["answer_rank"], t["p_answer"], t["answer_logit_gap"]
    first = rank == 1
    margin_ok = first & (margin_over_uniform(t, vocabulary) >= margin)
    top2_ok = first & (gaps >= gap)
    strong = margin_ok & top2_ok

    def when(holds: object, *inputs: Floats) -> Found:
        return found(t.rows, first_row(t.rows, holds, start), *inputs, start=start)  # type: ignore[arg-type]

    return {
        "margin_ok": when(margin_ok, rank, p),
        "top2_ok": when(top2_ok, rank, gaps),
        "strong": when(strong, rank, p, gaps),
        "run2": found_run(t.rows, first, rank, start=start),
        "strong_run2": found_run(t.rows, strong, rank, p, gaps, start=start),
    }


def entropy_gaps(t: Trajectories, start: int = START) -> tuple[Floats, Floats]:
    """Quartiles (3, keys) of H(P_l) − H(F) over the rows, in bits, and how many rows they use."""
    gaps = np.where(t.rows >= start, t["entropy_gap"], np.nan)
    count: Floats = np.isfinite(gaps).sum(axis=-1).astype(np.float64)
    return np.stack([quantile(gaps, p) for p in (0.25, 0.5, 0.75)]), count


def depth(t: Trajectories, row: Floats) -> Floats:
    """Rows as fractions of the depth n, unrounded."""
    fraction: Floats = row / t.last
    return fraction
