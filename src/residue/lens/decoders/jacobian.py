"""Jacobian lens: each row through its mean linear effect on the final row, before the head.

    z = head(J_l x_l),  J_l = E_t [ d x_n(t) / d x_l(t) ]

Gurnee et al., "Verbalizable Representations Form a Global Workspace in Language Models"
(Transformer Circuits, 2026), who also sum over later positions of x_n (`targets: later`); the logit
lens is J = I. Made from the live model
(`lens/jacobian_fit.py`), with no target to imitate. Tensors: `row_<l>.matrix` J (width, width);
none at row n, where it is the head.
"""

from __future__ import annotations

from collections.abc import Mapping

from residue.models.head import Array, Head

TITLE = "Jacobian lens"


def state(rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array:
    """What the unembedding reads (n, width) of pre-norm vectors (n, width) of a row."""
    if row != head.shape.n_blocks:
        rows = rows @ tensors[f"row_{row}.matrix"].T
    return head.normed(rows, "final_norm")


def decode(rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array:
    """Logits (n, vocabulary) of pre-norm vectors (n, width) of a row."""
    return head.unembed(state(rows, row, head, tensors))
