"""Effective rank: its closed forms, and what does not change it."""

from __future__ import annotations

import numpy as np
import pytest

from residue.representation.collapse import effective_rank, pseudo_values


def test_equal_directions_count_alike_and_a_line_counts_one() -> None:
    directions = np.vstack([np.eye(5), -np.eye(5)])
    assert effective_rank(directions) == pytest.approx(5.0)
    assert effective_rank(np.outer(np.arange(6.0), [1.0, 2.0, 0.5])) == pytest.approx(1.0)
    assert effective_rank(np.ones((6, 3))) == 0.0  # one point
    two_points = np.array([[1.0, 0.0]] * 3 + [[-1.0, 0.0]] * 3)
    assert effective_rank(two_points) == pytest.approx(1.0)  # the collapse of a loss that separates


def test_shift_scale_and_rotation_change_nothing() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20, 4)) * [3.0, 1.0, 0.5, 0.1]
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    assert effective_rank(7.0 * rows @ turn + 2.0) == pytest.approx(effective_rank(rows))


def test_pseudo_values_of_a_mean_are_the_values() -> None:
    """Of n clusters the jackknife's mean is n R - (n - 1) mean R without one."""
    rng = np.random.default_rng(1)
    rows, labels = rng.normal(size=(12, 3)), [f"c{i // 2}" for i in range(12)]
    made = pseudo_values(rows, labels)
    without = [effective_rank(rows[np.array(labels) != name]) for name in made]
    expected = 6 * effective_rank(rows) - 5 * np.mean(without)
    assert np.mean(list(made.values())) == pytest.approx(expected)
