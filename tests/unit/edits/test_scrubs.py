"""LEACE, INLP and DiffMean: what is said to be gone is gone, and no more than that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LinearRegression, LogisticRegression

from residue.edits.methods import inlp, leace
from residue.edits.scrubs import one_hot
from tests.unit.edits.making import fit_data, made


def drawn(classes: int, n: int = 1200, width: int = 12) -> tuple[torch.Tensor, np.ndarray]:
    """Rows of unequal scales, with a linear mark of their class."""
    rng = np.random.default_rng(3)
    labels = rng.integers(classes, size=n)
    mixing = rng.normal(size=(width, width))
    x = rng.normal(size=(n, width)) @ mixing + 5 + 2 * rng.normal(size=(classes, width))[labels]
    return torch.from_numpy(x), labels


def erased(x: torch.Tensor, labels: np.ndarray) -> torch.Tensor:
    parts = leace.eraser(x, one_hot([str(each) for each in labels]))
    u, v, m = (parts[name].double() for name in "UVm")
    return x - (x - m) @ v.T @ u.T


@pytest.mark.parametrize("classes", [2, 4])
def test_no_linear_classifier_beats_a_constant_after_leace(classes: int) -> None:
    x, labels = drawn(classes)
    constant = np.bincount(labels).max() / len(labels)
    before = LogisticRegression(max_iter=2000).fit(x, labels).score(x, labels)
    assert before > constant + 0.2
    clean = erased(x, labels)
    after = LogisticRegression(max_iter=2000).fit(clean, labels)
    assert after.score(clean, labels) <= constant + 0.03
    indicator = np.eye(classes)[labels]
    assert LinearRegression().fit(clean, indicator).score(clean, indicator) < 1e-5
    means = torch.stack([clean[labels == k].mean(dim=0) for k in range(classes)])
    torch.testing.assert_close(means, means[:1].expand_as(means), atol=1e-4, rtol=0)


def test_leace_keeps_the_mean_and_changes_less_than_projecting_the_means_apart() -> None:
    x, labels = drawn(2)
    clean = erased(x, labels)
    torch.testing.assert_close(clean.mean(dim=0), x.mean(dim=0), atol=1e-4, rtol=0)
    between = x[labels == 1].mean(dim=0) - x[labels == 0].mean(dim=0)
    unit = between / between.norm()
    projected = x - ((x - x.mean(dim=0)) @ unit)[:, None] * unit
    # Both erase; among all affine maps that do, LEACE has the least mean squared change.
    cost = [float((y - x).square().sum(dim=1).mean()) for y in (clean, projected)]
    assert cost[0] < cost[1]


def test_leace_of_a_concept_that_is_not_there_is_refused() -> None:
    x = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    with pytest.raises(ValueError, match="nothing linear"):
        leace.eraser(x, one_hot(["a", "a", "b", "b"]))


def test_leace_in_the_model_leaves_a_fresh_probe_at_chance(
    loaded: tuple[Any, Any], edit_data: pd.DataFrame
) -> None:
    model, tokenizer = loaded
    made("leace", model, tokenizer, edit_data)
    data = fit_data(model, tokenizer, edit_data)
    rows = torch.cat([data.rows(name, 1) for name in ("forget", "retain")])
    labels = np.array([1] * 7 + [0] * 11)
    means = [rows[labels == k].mean(dim=0) for k in (0, 1)]
    torch.testing.assert_close(means[0], means[1], atol=1e-4, rtol=0)


def test_logistic_is_that_of_scikit_learn() -> None:
    x, labels = drawn(2)
    x = x / x.square().mean().sqrt()
    ours = inlp.logistic(x, torch.from_numpy(labels).double())
    theirs = LogisticRegression(C=1 / (inlp.RIDGE * len(x)), tol=1e-10, max_iter=10_000)
    np.testing.assert_allclose(ours, theirs.fit(x, labels).coef_[0], rtol=1e-4, atol=1e-5)


def test_inlp_projects_orthonormal_directions_until_nothing_is_found() -> None:
    x, labels = drawn(2)
    y = torch.from_numpy(labels)
    b = inlp.directions(x, y, 6).double()
    torch.testing.assert_close(b.T @ b, torch.eye(6).double(), atol=1e-6, rtol=0)
    scores = []
    for rounds in (0, 1, 6):
        left = x - x @ b[:, :rounds] @ b[:, :rounds].T
        scores.append(LogisticRegression(max_iter=2000).fit(left, labels).score(left, labels))
    constant = np.bincount(labels).max() / len(labels)
    assert scores[0] > scores[2]
    assert scores[2] <= constant + 0.05


def test_diffmean_moves_one_mean_onto_the_other(
    loaded: tuple[Any, Any], edit_data: pd.DataFrame
) -> None:
    model, tokenizer = loaded
    before = fit_data(model, tokenizer, edit_data)
    means = {name: before.rows(name, 1).mean(dim=0) for name in ("forget", "retain")}
    edit = made("diffmean", model, tokenizer, edit_data)
    after = fit_data(model, tokenizer, edit_data).rows("forget", 1).mean(dim=0)
    torch.testing.assert_close(after, means["retain"], atol=1e-5, rtol=1e-4)
    edit.set_strength(0.5)
    half = fit_data(model, tokenizer, edit_data).rows("forget", 1).mean(dim=0)
    torch.testing.assert_close(half, (means["forget"] + means["retain"]) / 2, atol=1e-5, rtol=1e-4)
