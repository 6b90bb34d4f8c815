"""Norm lens against raw lens, row by row: how far what is read owes to a norm.

Both read the same vector; where their laws or their top tokens part, a finding of one lens alone is
no finding about the row. Divergences in bits, L1 = sum |p - q| in [0, 2]; Spearman's correlation of
the norm lens's 50 top tokens with their order in the raw lens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from residue.lens.asked import AnswerIds, columns
from residue.lens.decoders import next_norm, raw
from residue.lens.divergence import Floats, js_bits, kl_bits
from residue.lens.table import NEAR, Law, finite, jaccard, rank_of
from residue.models.head import Array, Head

NUMBERS = (
    "kl_norm_raw", "kl_raw_norm", "js", "l1", "jaccard_10", "jaccard_50", "spearman_50",
    "entropy_norm", "entropy_raw",
)  # fmt: skip
RANKS = ("answer_rank_norm", "answer_rank_raw")
SCHEMA = pa.schema(
    [
        pa.field("arm", pa.string(), nullable=False),
        *(pa.field(name, pa.int64(), nullable=False) for name in ("pair", "seed")),
        *(pa.field(name, pa.string(), nullable=False) for name in ("condition", "item")),
        pa.field("row", pa.int32(), nullable=False),
        *(pa.field(name, pa.float64()) for name in NUMBERS),
        *(pa.field(name, pa.int32()) for name in RANKS),
        pa.field("top1_agrees", pa.bool_()),
    ]
)
"""Null as in the lens table."""


def pair_table(
    items: list[str],
    rows: Mapping[int, Array],
    asked: Mapping[str, AnswerIds],
    head: Head,
    *,
    keys: Mapping[str, Any],
) -> pa.Table:
    """The lines of some items, item by item, rows in order.

    rows: row → vectors (items, width); keys: arm, pair, seed, condition.
    """
    answer, _ = columns(asked, items)
    parts = [_numbers(*finite(rows[row]), row, answer, head) for row in sorted(rows)]
    n = len(items) * len(rows)
    values: dict[str, Any] = {name: [keys[name]] * n for name in ("arm", "pair", "seed")}
    values["condition"] = [keys["condition"]] * n
    values["item"] = [item for item in items for _ in rows]
    values["row"] = sorted(rows) * len(items)
    for name in (*NUMBERS, *RANKS, "top1_agrees"):
        column = np.stack([part[name] for part in parts], axis=1).ravel()
        values[name] = pa.array(column, pa.float64(), from_pandas=True)
    return pa.Table.from_arrays(
        [
            column.cast(field.type)
            if isinstance(column, pa.Array)
            else pa.array(column, field.type)
            for field, column in ((field, values[field.name]) for field in SCHEMA)
        ],
        schema=SCHEMA,
    )


def _numbers(
    vectors: Array, whole: np.ndarray, row: int, answer: np.ndarray, head: Head
) -> dict[str, Floats]:
    normed = Law(next_norm.decode(vectors, row, head, {}))
    plain = Law(raw.decode(vectors, row, head, {}))
    top, other = normed.top(NEAR), plain.top(NEAR)
    found = {
        "kl_norm_raw": kl_bits(normed.log_p, plain.log_p, normed.p),
        "kl_raw_norm": kl_bits(plain.log_p, normed.log_p, plain.p),
        "js": js_bits(normed.log_p, plain.log_p, normed.p, plain.p),
        "l1": np.abs(normed.p - plain.p).sum(axis=1),
        "jaccard_10": jaccard(top[:, :10], other[:, :10]),
        "jaccard_50": jaccard(top, other),
        "spearman_50": rank_correlation(np.take_along_axis(plain.logits, top, axis=1)),
        "entropy_norm": normed.entropy(),
        "entropy_raw": plain.entropy(),
        "answer_rank_norm": rank_of(normed.logits, answer),
        "answer_rank_raw": rank_of(plain.logits, answer),
        "top1_agrees": (top[:, 0] == other[:, 0]).astype(np.float64),
    }
    return {name: np.where(whole, values, np.nan) for name, values in found.items()}


def rank_correlation(values: Floats) -> Floats:
    """Spearman's correlation along the last axis between falling values and the places 1 … k;
    1 where the values fall throughout. Equal values share their mean rank."""
    greater = (values[:, :, None] > values[:, None, :]).sum(axis=1)
    same = (values[:, :, None] == values[:, None, :]).sum(axis=1)
    ranks = greater + (same + 1) / 2.0
    places = np.arange(1, values.shape[1] + 1, dtype=np.float64)
    a, b = ranks - ranks.mean(axis=1, keepdims=True), places - places.mean()
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum())
    found = np.full(len(values), np.nan)
    np.divide(a @ b, scale, out=found, where=scale > 0.0)
    return found
