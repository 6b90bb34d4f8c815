"""Norm lens: each row through the norm that reads it next, then the model's own unembedding.

    z = unembed(norm_l(x_l)), the final norm at row n

Row l < n is read by block l through its input norm, so its scale is the one that the model itself
applies there. The baseline of all fitted lenses. Fitted: nothing.
Source: the "architecture-aware" logit lens of logos-in-layers; with one final norm for all rows it
is nostalgebraist's (2020), here `final_norm`.
"""

from __future__ import annotations

from collections.abc import Mapping

from residue.models.head import Array, Head

TITLE = "Next-norm lens"


def state(rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array:
    """What the unembedding reads (n, width) of pre-norm vectors (n, width) of a row."""
    norm = "final_norm" if row == head.shape.n_blocks else f"norm_{row}"
    return head.normed(rows, norm)


def decode(rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array:
    """Logits (n, vocabulary) of pre-norm vectors (n, width) of a row."""
    return head.unembed(state(rows, row, head, tensors))
