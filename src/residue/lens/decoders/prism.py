"""Prism: every row whitened by its own moments, one rotation for all, dressed as the final row.

    z = head(m_n + s_n * (((x_l - m_l) / s_l) Q))

Q is orthogonal and shared by all rows, so it can turn a basis but not choose what to keep. Idea of
the earlier system's shared-rotation lens, with the alignment made supervised
(`lens/fits/prism.py`). Tensors: `row_<l>.mean`, `row_<l>.deviation` (width,) for every row,
`rotation` Q (width, width). Row n is the head.
"""

from __future__ import annotations

from collections.abc import Mapping

from residue.models.head import Array, Head

TITLE = "Prism"


def state(rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array:
    """What the unembedding reads (n, width) of pre-norm vectors (n, width) of a row."""
    last = head.shape.n_blocks
    if row != last:
        white = (rows - tensors[f"row_{row}.mean"]) / tensors[f"row_{row}.deviation"]
        turned = white @ tensors["rotation"]
        dressed = tensors[f"row_{last}.mean"] + tensors[f"row_{last}.deviation"] * turned
        rows = dressed.astype(rows.dtype)
    return head.normed(rows, "final_norm")


def decode(rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array:
    """Logits (n, vocabulary) of pre-norm vectors (n, width) of a row."""
    return head.unembed(state(rows, row, head, tensors))
