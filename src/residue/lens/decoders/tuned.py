"""Tuned lens: one affine map per row from its basis to that of the final row, before the head.

    z = head(x_l + A_l x_l + b_l)

Belrose et al., "Eliciting Latent Predictions from Transformers with the Tuned Lens" (2023),
equation 7; trained by `lens/fits/tuned.py`. Tensors: `row_<l>.matrix` A (width, width),
`row_<l>.bias` (width,); none at row n, where it is the head.
"""

from __future__ import annotations

from collections.abc import Mapping

from residue.models.head import Array, Head

TITLE = "Tuned lens"


def state(rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array:
    """What the unembedding reads (n, width) of pre-norm vectors (n, width) of a row."""
    if row != head.shape.n_blocks:
        rows = rows + rows @ tensors[f"row_{row}.matrix"].T + tensors[f"row_{row}.bias"]
    return head.normed(rows, "final_norm")


def decode(rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array:
    """Logits (n, vocabulary) of pre-norm vectors (n, width) of a row."""
    return head.unembed(state(rows, row, head, tensors))
