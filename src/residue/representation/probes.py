"""Whether a linear probe can tell two kinds of rows apart: AUC on countries it was not fitted on.

½ is chance. A probe on rows of the same countries would recognise the countries, so whole groups
are held out; and a high AUC is said only beside `probe_null`, the AUC of the same probe on labels
dealt by chance. Which language a row is in can be told almost everywhere in a multilingual model,
so `neighbour_contrast` asks how much better than a neighbour language.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from residue.representation.similarity import Floats, Null, compared
from residue.stats.two_samples import auc

FOLDS = 4


def probe_auc(
    x: ArrayLike, labels: ArrayLike, groups: Sequence[object] | NDArray[np.generic], *, seed: int
) -> float:
    """Mean AUC over held-out groups of a logistic regression on standardised x (n, d).

    labels: (n,) zeros and ones. groups: (n,), such as countries; a group is held out whole, in one
    of four folds (fewer where a label has fewer groups) that keep the labels' shares. The penalty
    is scikit-learn's default (C = 1). ValueError for values that are not finite, labels of one
    kind only, or a label with fewer than two groups.
    """
    from sklearn import config_context
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    values, wanted = np.asarray(x, np.float64), np.asarray(labels)
    names = np.asarray([str(group) for group in groups])
    _check(values, wanted, names)
    folds = min(FOLDS, *(len(set(names[wanted == label])) for label in (0, 1)))
    split = StratifiedGroupKFold(folds, shuffle=True, random_state=seed % 2**32)
    scores = []
    # Checked above; on so few rows scikit-learn's own checks would take most of the time.
    with config_context(assume_finite=True, skip_parameter_validation=True):
        for train, test in split.split(values, wanted, names):
            if len(set(wanted[test])) < 2 or len(set(wanted[train])) < 2:
                continue
            scaled = _scaled(values, train)
            probe = LogisticRegression(max_iter=1000).fit(scaled[train], wanted[train])
            logit = scaled[test] @ probe.coef_[0]
            scores.append(auc(logit[wanted[test] == 1], logit[wanted[test] == 0]))
    if not scores:
        raise ValueError("no fold holds both labels; a probe needs more groups of each")
    return float(np.mean(scores))


def probe_null(
    x: ArrayLike,
    labels: ArrayLike,
    groups: Sequence[object] | NDArray[np.generic],
    *,
    seed: int,
    n_permutations: int = 19,
) -> Null:
    """`probe_auc` beside the AUCs of labels dealt by chance among what is exchangeable.

    Where each group has one label, groups trade theirs; otherwise both labels are swapped or kept
    group by group.
    """
    wanted = np.asarray(labels)
    names = np.asarray([str(group) for group in groups])
    rng = np.random.default_rng(seed)
    chance = [
        probe_auc(x, _dealt(wanted, names, rng), names, seed=seed) for _ in range(n_permutations)
    ]
    return compared(probe_auc(x, wanted, names, seed=seed), chance)


def neighbour_contrast(target: float, neighbours: Sequence[float]) -> float:
    """max(0, AUC of the target - mean AUC of its neighbours), each against the same reference.

    What is left is owed to the target itself, not to being another language.
    """
    if not neighbours:
        raise ValueError("a contrast needs at least one neighbour language")
    return max(0.0, target - float(np.mean(neighbours)))


def _dealt(
    labels: NDArray[np.generic], names: NDArray[np.str_], rng: np.random.Generator
) -> NDArray[np.generic]:
    groups = list(dict.fromkeys(names))
    held = [set(labels[names == group].tolist()) for group in groups]
    dealt = labels.copy()
    if all(len(each) == 1 for each in held):
        of_group = [labels[names == group][0] for group in groups]
        for group, label in zip(groups, rng.permutation(np.array(of_group)), strict=True):
            dealt[names == group] = label
    else:
        for group in groups:
            if rng.integers(2):
                dealt[names == group] = 1 - labels[names == group]
    return dealt


def _scaled(values: Floats, train: NDArray[np.int64]) -> Floats:
    """All rows in units of the training rows' spread; constant dimensions stay 0."""
    mean, spread = values[train].mean(axis=0), values[train].std(axis=0)
    scaled: Floats = (values - mean) / np.where(spread > 0.0, spread, 1.0)
    return scaled


def _check(values: Floats, labels: NDArray[np.generic], names: NDArray[np.str_]) -> None:
    if values.ndim != 2 or not len(values) == len(labels) == len(names):
        raise ValueError(
            f"a probe needs x (n, d) with n labels and groups, got x {values.shape}, "
            f"{len(labels)} labels and {len(names)} groups"
        )
    if not np.isfinite(values).all():
        raise ValueError("x has values that are not finite; a probe of them would hide a fault")
    if set(labels.tolist()) != {0, 1}:
        raise ValueError(
            f"labels must be 0 and 1, both present; got {sorted(set(labels.tolist()))}"
        )
    for label in (0, 1):
        if len(set(names[labels == label])) < 2:
            raise ValueError(f"label {label} has fewer than two groups; none could be held out")
