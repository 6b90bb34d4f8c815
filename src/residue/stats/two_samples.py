"""Two groups of values compared as wholes: the area under the ROC curve and Kolmogorov-Smirnov's D.

`auc` is P(a > b) + P(a = b) / 2 for a, b drawn from the groups: ½ where nothing tells them apart.
`ks` is the greatest difference of their distribution functions, 0 … 1, with no unit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from residue.stats.intervals import Floats, as_values


def auc(values: ArrayLike, against: ArrayLike) -> float:
    """Share of pairs (one of `values`, one of `against`) in which the first is greater; ties count
    half (Mann and Whitney 1947). ValueError for empty groups and values that are not finite."""
    x, y = as_values(values), as_values(against)
    ordered = np.sort(y)
    below = np.searchsorted(ordered, x, side="left")
    reached = np.searchsorted(ordered, x, side="right")
    return float((below + reached).sum() / (2.0 * len(x) * len(y)))


def ks(values: ArrayLike, against: ArrayLike) -> float:
    """sup |F(t) - G(t)| of the groups' empirical distribution functions (Smirnov 1939)."""
    x, y = np.sort(as_values(values)), np.sort(as_values(against))
    steps: Floats = np.concatenate([x, y])
    of_x = np.searchsorted(x, steps, side="right") / len(x)
    of_y = np.searchsorted(y, steps, side="right") / len(y)
    return float(np.abs(of_x - of_y).max())
