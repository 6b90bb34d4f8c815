"""Bias-only lens: one constant vector per row before the head; the tuned lens's control.

    z = head(x_l + b_l)

Whatever it gains over the logit lens needs no translation of what a row says, so only what the
tuned lens has beyond it speaks for a changed basis. Trained like the tuned lens
(`lens/fits/bias_only.py`). Tensors: `row_<l>.bias` (width,); none at row n, where it is the head.
"""

from __future__ import annotations

from collections.abc import Mapping

from residue.models.head import Array, Head

TITLE = "Bias-only lens"


def state(rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array:
    """What the unembedding reads (n, width) of pre-norm vectors (n, width) of a row."""
    if row != head.shape.n_blocks:
        rows = rows + tensors[f"row_{row}.bias"]
    return head.normed(rows, "final_norm")


def decode(rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array:
    """Logits (n, vocabulary) of pre-norm vectors (n, width) of a row."""
    return head.unembed(state(rows, row, head, tensors))
