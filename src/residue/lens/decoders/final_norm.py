"""Logit lens: each row through the final norm and the unembedding, as if the depth ended there.

    z = unembed(norm_final(x_l))

Fitted: nothing. Source: nostalgebraist, "interpreting GPT: the logit lens" (2020).
"""

from __future__ import annotations

from collections.abc import Mapping

from residue.models.head import Array, Head

TITLE = "Logit lens"


def state(rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array:
    """What the unembedding reads (n, width) of pre-norm vectors (n, width) of a row."""
    return head.normed(rows, "final_norm")


def decode(rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array:
    """Logits (n, vocabulary) of pre-norm vectors (n, width) of a row."""
    return head.unembed(state(rows, row, head, tensors))
