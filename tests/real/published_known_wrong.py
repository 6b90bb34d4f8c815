"""What is wrong in the published diagnostics, and what those values should be.

Three defects reach the diagnostics that the tables can correct: the semantic gates never saw the
logit gap and are null; the stability of strict copying looked up a threshold by another spelling;
the overlap columns of each fact hold the last fact's. Beside our functions stands a recomputation
in plain loops over the published rows, and, for ten models, a table made apart from both.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

MARGIN, GAP = 0.002, 0.5


class Gates(NamedTuple):
    """Corrected gates of Germany → Berlin."""

    top2: int | None
    strong: int | None
    strong_run2: int | None
    gap: float
    """Logits at the semantic row, to three decimals."""
    facts: tuple[int | None, ...]
    """Semantic rows of the five facts."""
    tier: str
    score: float
    """Risk score s1, to three decimals."""


NAMED = {
    "Meta-Llama-3-8B": Gates(26, 32, None, 0.408, (25, 24, 23, 25, 26), "medium", 0.418),
    "Meta-Llama-3-70B": Gates(56, 80, None, 0.031, (40, 49, 51, 80, 60), "medium", 0.332),
    "Mistral-7B-v0.1": Gates(26, 26, 26, 0.015, (25, 24, None, 22, 32), "high", 0.545),
    "Mistral-Small-24B": Gates(34, 35, 35, 0.322, (33, 30, 31, 32, 34), "low", 0.115),
    "Qwen3-8B": Gates(31, 31, None, 3.085, (31, 30, 32, 30, 32), "high", 0.554),
    "Qwen3-14B": Gates(36, 36, None, 3.143, (36, 35, 36, 33, 39), "high", 0.554),
    "Qwen2.5-72B": Gates(None, None, None, 0.309, (80, None, None, 80, None), "high", 0.593),
    "Yi-34B": Gates(44, 44, 46, 0.673, (44, 41, 44, 42, 46), "high", 0.793),
    "gemma-2-9b": Gates(42, 42, None, 2.588, (42,) * 5, "high", 0.581),
    "gemma-2-27b": Gates(46, 46, None, 4.124, (46,) * 5, "high", 0.987),
}
"""Recomputed from the published tables by others, before this program had a summariser."""


def named_gates(model: str) -> Gates | None:
    """The table's line for a model; names may have a suffix such as `-Base-2501`."""
    fits = [name for name in NAMED if model == name or model.startswith(f"{name}-")]
    return NAMED[max(fits, key=len)] if fits else None


def direct_gates(table: pd.DataFrame, vocabulary: int) -> dict[str, Any]:
    """Gates of the first prompt by plain loops over its published rows."""
    first = table[(table["prompt_id"] == "pos") & (table["prompt_variant"] == "orig")]
    first = first[pd.to_numeric(first["fact_index"]) == 0].sort_values("layer")
    result: dict[str, Any] = dict.fromkeys(
        ("top2", "strong", "strong_run2", "gap", "gap_ge_0.5", "gap_ge_1.0")
    )
    before: dict[str, Any] | None = None
    for line in first.to_dict("records"):
        rank1 = int(line["answer_rank"]) == 1
        gap = float(line["answer_logit_gap"]) if rank1 else -np.inf
        sure = float(line["answer_minus_uniform"]) >= MARGIN
        layer = int(line["layer"])
        line["strong"] = rank1 and gap >= GAP and sure
        if rank1 and result["gap"] is None:
            result["gap"] = gap
        for name, holds in (
            ("top2", gap >= GAP),
            ("strong", line["strong"]),
            ("gap_ge_0.5", gap >= 0.5),
            ("gap_ge_1.0", gap >= 1.0),
        ):
            if holds and result[name] is None:
                result[name] = layer
        follows = before is not None and before["strong"] and line["strong"]
        if follows and result["strong_run2"] is None:
            result["strong_run2"] = layer - 1
        before = line
    return result


def direct_stability(table: pd.DataFrame, n: int) -> str:
    """Stability of the strict copy flags of the first prompt, by plain loops."""
    first = table[(table["prompt_id"] == "pos") & (table["prompt_variant"] == "orig")]
    first = first[pd.to_numeric(first["fact_index"]) == 0]
    layers: dict[str, int | None] = {}
    for threshold in ("0.7", "0.8", "0.9", "0.95"):
        hits = first.loc[first[f"copy_strict@{threshold}"].astype(str) == "True", "layer"]
        layers[threshold] = None if hits.empty else int(hits.min())
    if all(layer is None for layer in layers.values()):
        return "none"
    low, high = layers["0.7"], layers["0.95"]
    if low is None or high is None:
        return "mixed"
    if abs(high - low) <= 2 or abs(high - low) / n <= 0.05:
        return "stable"
    return "fragile" if abs(high - low) >= 6 or abs(high - low) / n >= 0.15 else "mixed"


def overlap_of(table: pd.DataFrame, fact: int, variant: str, column: str) -> list[float]:
    """A column of one fact and variant, in the order of rows."""
    lines = table[(table["prompt_id"] == "pos") & (table["prompt_variant"] == variant)]
    lines = lines[pd.to_numeric(lines["fact_index"]) == fact].sort_values("layer")
    return [float(value) for value in lines[column]]
