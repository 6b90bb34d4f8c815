"""Whether the rows and the head of a model are what a lens takes them for; asked before any table.

| check | row | value |
|---|---|---|
| `shape` | – | numbers of the head's shape that are not the model's |
| `finite` | – | numbers in rows and logits that are not finite |
| `embedding` | 0 | row 0 against the scaled embeddings plus learned positions, if any |
| `norm` | 0 … n | our norm of the row against the output of the model's own norm module |
| `residual` | 1 … n | the row before plus what its block's sublayers add, against the output |
| `row` | 1 … n | the row against the block's output, which no norm may have touched |
| `head` | n | logits of the last row through our head against the model's own logits |
| `head_kl` | n | greatest divergence of the lens's law from the model's, bits |
| `again` | – | logits of a second forward pass against the first |
| `again_top10` | – | share of positions whose ten likeliest ids differ in the second pass |

Values that compare two arrays are max |a − b| / max(1, max |b|): a lens that drops a softcap, a
bias or Gemma's 1 + weight is off by tenths, rounding by the dtype's last bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from residue.models.head import Array, Head

if TYPE_CHECKING:
    import pandas as pd

    from residue.lens.observation import Observation

TOLERANCE = {"float32": 1e-5, "float16": 4e-3, "bfloat16": 3e-2}
"""Relative, by the dtype of the weights; rows are rounded to it at every sum of the model."""
BITS = {"float32": 1e-6, "float16": 1e-3, "bfloat16": 5e-3}
"""Of `head_kl`. Published bfloat16 models reach 1e-4 to 7e-4 bits against a float32 head."""
TOP = 10
EDITED = "an edit of the arm acts on this row"
COLUMNS = ("check", "row", "value", "tolerance", "status", "note")


class SelfTestError(ValueError):
    """A model whose lens tables would be wrong; the message names check, row, value and mend."""


@dataclass(frozen=True)
class Check:
    """One line of the table. status: `ok`, `failed` or `skipped`; row: None where all are meant."""

    check: str
    row: int | None
    value: float
    tolerance: float
    status: str
    note: str = ""


def judge(seen: Observation, head: Head, *, edited: Iterable[int] = ()) -> list[Check]:
    """All checks on what was observed. edited: rows that an edit of the arm replaces.

    `SelfTestError` where the weights are of a dtype without a tolerance.
    """
    if seen.dtype not in TOLERANCE:
        raise SelfTestError(
            f"there is no tolerance for weights of {seen.dtype}; load the model in one of "
            f"{', '.join(TOLERANCE)}."
        )
    wrong = _wrong_shape(seen, head)
    if wrong:
        # The other checks would only stumble over the shapes.
        return [Check("shape", None, float(len(wrong)), 0.0, "failed", "; ".join(wrong))]
    return [Check("shape", None, 0.0, 0.0, "ok"), *_checks(seen, head, frozenset(edited))]


def as_table(checks: Iterable[Check]) -> pd.DataFrame:
    """Lines as the table that the stage writes."""
    import pandas as pd

    lines = list(checks)
    return pd.DataFrame(
        {
            "check": pd.Series([line.check for line in lines], dtype="str"),
            "row": pd.Series([line.row for line in lines], dtype="Int32"),
            "value": np.array([line.value for line in lines], np.float64),
            "tolerance": np.array([line.tolerance for line in lines], np.float64),
            "status": pd.Series([line.status for line in lines], dtype="str"),
            "note": pd.Series([line.note for line in lines], dtype="str"),
        },
        columns=list(COLUMNS),
    )


def require(checks: Iterable[Check], model: str) -> None:
    """`SelfTestError` unless every check holds; `model` says in words whose they are."""
    failed = [line for line in checks if line.status == "failed"]
    if not failed:
        return
    first = failed[0]
    at = "" if first.row is None else f" at row {first.row}"
    more = f", and {len(failed) - 1} checks more" if len(failed) > 1 else ""
    raise SelfTestError(
        f"{model}: the self-test '{first.check}'{at} gives {first.value:.3g} where at most "
        f"{first.tolerance:.3g} is allowed ({first.note or 'the two sides differ'}){more}; no lens "
        "is read from this model until src/residue/models/layouts.py says how it is built."
    )


def _checks(seen: Observation, head: Head, edited: frozenset[int]) -> Iterator[Check]:
    tolerance = TOLERANCE[seen.dtype]
    n = len(seen.outputs)
    odd = int((~np.isfinite(seen.rows)).sum() + (~np.isfinite(seen.logits)).sum())
    yield _judged("finite", None, float(odd), 0.0)
    embedded = seen.embedded * np.float32(head.shape.embedding_scale)
    if seen.positions is not None:
        embedded = embedded + seen.positions
    yield _replaced("embedding", 0, off(seen.rows[0], embedded), tolerance, edited)
    for row in range(n + 1):
        norm = "final_norm" if row == n else f"norm_{row}"
        yield _judged(
            "norm", row, off(head.normed(seen.rows[row], norm), seen.normed[row]), tolerance
        )
    for row in range(1, n + 1):
        total = seen.rows[row - 1] + seen.added[row - 1]
        yield _judged("residual", row, off(total, seen.outputs[row - 1]), tolerance)
        # The same numbers seen from two sides of one place: not even rounding stands between.
        yield _replaced("row", row, off(seen.rows[row], seen.outputs[row - 1]), 0.0, edited)
    lens = head.logits(seen.rows[n])
    yield _judged("head", n, off(lens, seen.logits), tolerance)
    yield _judged("head_kl", n, float(divergence(lens, seen.logits).max()), BITS[seen.dtype])
    # On a card sums may change their order between two passes; on the CPU nothing does.
    yield _judged("again", None, off(seen.again, seen.logits), _exact(seen, tolerance))
    changed = (_likeliest(seen.again) != _likeliest(seen.logits)).any(axis=1).mean()
    yield _judged("again_top10", None, float(changed), _exact(seen, 0.5))


def off(ours: Array, theirs: Array) -> float:
    """max |ours − theirs| / max(1, max |theirs|)."""
    return float(np.abs(ours - theirs).max() / max(1.0, float(np.abs(theirs).max())))


def divergence(lens: Array, model: Array) -> np.ndarray:
    """KL(model ‖ lens) in bits of two arrays of logits (t, vocabulary)."""
    first, second = _log_law(model), _log_law(lens)
    return np.asarray((np.exp(first) * (first - second)).sum(axis=1) / np.log(2.0))


def _log_law(logits: Array) -> np.ndarray:
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _likeliest(logits: Array) -> np.ndarray:
    return np.argsort(-logits, axis=1, kind="stable")[:, :TOP]


def _exact(seen: Observation, otherwise: float) -> float:
    return 0.0 if seen.device == "cpu" else otherwise


def _judged(check: str, row: int | None, value: float, tolerance: float, note: str = "") -> Check:
    # A value that is not a number holds no comparison and fails.
    return Check(check, row, value, tolerance, "ok" if value <= tolerance else "failed", note)


def _replaced(
    check: str, row: int, value: float, tolerance: float, edited: frozenset[int]
) -> Check:
    """A check that an edit of the row must break, and then says so."""
    if row in edited:
        return Check(check, row, value, tolerance, "skipped", EDITED)
    return _judged(check, row, value, tolerance)


def _wrong_shape(seen: Observation, head: Head) -> list[str]:
    shape = head.shape
    pairs = {
        "model_type": (shape.model_type, seen.model_type),
        "n_blocks": (shape.n_blocks, len(seen.outputs)),
        "width": (shape.width, seen.rows.shape[-1]),
        "vocabulary": (shape.vocabulary, seen.logits.shape[-1]),
    }
    return [
        f"{name} is {ours} in the head and {theirs} in the model"
        for name, (ours, theirs) in pairs.items()
        if ours != theirs
    ]
