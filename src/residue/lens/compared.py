"""What one model's rows say of the answers, as read by one lens, beside base and oracle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from residue.lens.recall import Floats

Role = Literal["base", "oracle", "edited"]
Run = tuple[int, int, str]
"""Pair, seed, condition."""

LEAST_P = 1e-30
"""Smallest probability whose logarithm is taken."""


@dataclass(frozen=True)
class Readings:
    """Lines of lens tables: one pair, seed, condition and lens; the oracle may be absent."""

    role: Role
    own: pd.DataFrame
    base: pd.DataFrame
    oracle: pd.DataFrame | None


def read_runs(
    arm: str, own: pd.DataFrame, base: pd.DataFrame, oracle: pd.DataFrame | None
) -> Iterator[tuple[Run, Readings]]:
    """The readings of each run in an arm's lens table, beside those of its pair's references.

    ValueError where a reference table lacks the pair.
    """
    role: Role = "base" if arm == "base" else "oracle" if arm == "oracle" else "edited"
    runs = own[["pair", "seed", "condition"]].drop_duplicates()
    for pair, seed, condition in runs.itertuples(index=False, name=None):
        mine = own[(own["pair"] == pair) & (own["seed"] == seed) & (own["condition"] == condition)]
        beside = None if oracle is None else _plain(oracle, pair, "oracle")
        readings = Readings(role, mine, _plain(base, pair, "base"), beside)
        yield (int(pair), int(seed), str(condition)), readings


def log_probabilities(table: pd.DataFrame, items: pd.Index) -> Floats:
    """Log-probability (nats) of the answer's first token, (items, rows).

    Rows lie between embeddings and last row, both left out: the first can only repeat the prompt's
    last token, the last is the model's own output. NaN where an item has no answer.
    """
    inner = table[(table["row"] > 0) & (table["row"] < table["row"].max())]
    wide = inner.pivot(index="item", columns="row", values="p_answer").reindex(items)
    p = wide.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(np.log(np.maximum(p, LEAST_P)))


def _plain(table: pd.DataFrame, pair: int, name: str) -> pd.DataFrame:
    chosen = table[(table["pair"] == pair) & (table["condition"] == "plain")]
    if not len(chosen):
        raise ValueError(f"the lens table of {name} has no plain lines of pair {pair}; remake it.")
    return chosen
