"""Raw lens: each row straight through the unembedding, without any norm.

    z = unembed(x_l)

What it shows owes nothing to a norm's scale or gain; where it disagrees with the norm lens, the
norm made the difference. At row n it is not the model's own output. Fitted: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from residue.models.head import Array, Head

TITLE = "Raw lens"


def state(rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array:
    """What the unembedding reads (n, width) of pre-norm vectors (n, width) of a row."""
    return rows


def decode(rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array:
    """Logits (n, vocabulary) of pre-norm vectors (n, width) of a row."""
    return head.unembed(state(rows, row, head, tensors))
