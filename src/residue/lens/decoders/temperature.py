"""Norm lens with one temperature per row: how much of a lens's distance is mere scale.

    z = z_next_norm / tau_l

tau_l minimises E KL(F || softmax(z / tau)) on the fit split (`lens/fits/temperature.py`). A
temperature changes no rank. Tensors: `row_<l>.temperature` (1,).
"""

from __future__ import annotations

from collections.abc import Mapping

from residue.lens.decoders import next_norm
from residue.models.head import Array, Head

TITLE = "Norm lens with temperature"


def state(rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array:
    """What the unembedding reads (n, width) of pre-norm vectors (n, width) of a row."""
    return next_norm.state(rows, row, head, {})


def decode(rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array:
    """Logits (n, vocabulary) of pre-norm vectors (n, width) of a row."""
    return head.unembed(state(rows, row, head, tensors)) / tensors[f"row_{row}.temperature"]
