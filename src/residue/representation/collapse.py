"""Whether rows have fallen together: the number of directions that they still use.

A training that draws representations together reaches its optimum when all of them are one point,
or two. Every distance between rows then looks as wanted, and the model can do nothing any more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_NOTHING = 1e-12
"""Share of the rows' own size below which their spread is rounding."""


def effective_rank(rows: Floats) -> float:
    """e to the entropy of the shares of variance per direction, of rows (items, width).

    1 where all rows lie on a line, at most items - 1 and width (Roy and Vetterli 2007, of the
    covariance). Rows that are all the same have none: 0.
    """
    centred = rows - rows.mean(axis=0)
    variances = np.linalg.svd(centred, compute_uv=False) ** 2
    if variances.sum() <= _NOTHING * float((rows**2).sum()):
        return 0.0
    shares = variances[variances > 0] / variances.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def pseudo_values(rows: Floats, clusters: list[str]) -> dict[str, float]:
    """Cluster → n R - (n - 1) R without it, of the effective rank R over n clusters (Tukey 1958).

    Their mean is R corrected for bias, their spread its error.
    """
    labels = np.asarray(clusters)
    names = list(dict.fromkeys(clusters))
    n, whole = len(names), effective_rank(rows)
    if n < 3:
        raise ValueError(f"an effective rank needs rows of 3 clusters at least, got {n}")
    return {name: n * whole - (n - 1) * effective_rank(rows[labels != name]) for name in names}
