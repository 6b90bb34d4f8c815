"""Fit of the lens `prism`: orthogonal Procrustes on paired tokens, one rotation for all rows.

    Q = argmin over orthogonal Q of sum_l || W_l Q - W_n ||^2 = U V',  sum_l W_l' W_n = U S V'

with W_l the tokens' row l, whitened per coordinate by the mean and deviation of that row on the fit
split (Schoenemann 1966). Pairing each token with itself makes the alignment supervised; matching
principal axes by their order, as was done before, has arbitrary signs and means nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from residue.lens.artefacts import Fitted, spectrum_notes
from residue.models.head import Array, Head
from residue.records.stream import StreamFile

LEAST_DEVIATION = 1e-6
"""Of a coordinate, as a share of the row's mean deviation; a constant coordinate is not blown up.
"""


def fit(stream: StreamFile, head: Head, options: dict[str, Any], seed: int) -> Fitted:
    """Mean and deviation of every row, and the rotation."""
    last = head.shape.n_blocks
    made = Fitted(n=stream.n("fit"))
    final = _whitened(stream.read(last, "fit"), last, made)
    cross = np.zeros((head.shape.width, head.shape.width))
    for row in (row for row in stream.rows if row != last):
        cross += _whitened(stream.read(row, "fit"), row, made).T @ final
    rotation = procrustes(cross)
    made.tensors["rotation"] = rotation.astype(np.float32)
    for row in made.notes:
        made.notes[row] = spectrum_notes(rotation - np.eye(len(rotation)))
    return made


def procrustes(cross: NDArray[np.float64]) -> NDArray[np.float64]:
    """The orthogonal Q that maximises trace(Q' cross): U V' of its singular value decomposition."""
    left, _, right = np.linalg.svd(cross)
    return np.asarray(left @ right, np.float64)


def _whitened(rows: Array, row: int, made: Fitted) -> Array:
    mean, deviation = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    deviation = np.maximum(deviation, LEAST_DEVIATION * max(float(deviation.mean()), 1e-30))
    made.tensors[f"row_{row}.mean"] = mean.astype(np.float32)
    made.tensors[f"row_{row}.deviation"] = deviation.astype(np.float32)
    made.notes.setdefault(row, {})
    return np.asarray((rows - mean) / deviation)
