"""Probes find what is there, only what is there, and never by knowing the country."""

from __future__ import annotations

import numpy as np
import pytest

from residue.representation.probes import neighbour_contrast, probe_auc, probe_null

COUNTRIES = np.repeat(np.arange(12), 2)


def noise(seed: int, d: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(24, d))


def test_a_direction_that_all_countries_share_is_found() -> None:
    labels = np.tile([0, 1], 12)
    x = noise(0)
    x[:, 3] += 8.0 * labels
    assert probe_auc(x, labels, COUNTRIES, seed=1) == 1.0
    null = probe_null(x, labels, COUNTRIES, seed=1)
    assert null.p == pytest.approx(0.05)
    assert 0.2 < null.mean < 0.8


def test_countries_known_by_heart_do_not_count() -> None:
    """Each country has a direction of its own and one label: an unsplit probe would score 1."""
    labels = np.repeat(np.arange(12) % 2, 2)
    x = 9.0 * np.eye(12)[COUNTRIES] + 0.01 * noise(2, 12)
    auc = [probe_auc(x, labels, COUNTRIES, seed=seed) for seed in range(8)]
    assert np.mean(auc) < 0.75
    assert probe_null(x, labels, COUNTRIES, seed=0).p > 0.05


def test_without_a_difference_the_p_values_are_not_small() -> None:
    labels = np.tile([0, 1], 12)
    p = [probe_null(noise(10 + k), labels, COUNTRIES, seed=k, n_permutations=9).p for k in range(8)]
    assert np.mean(p) > 0.3
    assert np.mean(np.array(p) <= 0.1) <= 0.35


def test_units_and_shifts_of_dimensions_change_nothing() -> None:
    labels = np.tile([0, 1], 12)
    x = noise(3)
    x[:, 0] += labels
    scaled = x * np.array([1e4, 1, 1, 1, 1, 1e-4]) + 7.0
    with_constant = np.hstack([scaled, np.full((24, 1), 3.0)])
    wanted = probe_auc(x, labels, COUNTRIES, seed=0)
    assert probe_auc(with_constant, labels, COUNTRIES, seed=0) == pytest.approx(wanted)


def test_what_cannot_be_probed_is_said() -> None:
    labels = np.tile([0, 1], 12)
    with pytest.raises(ValueError, match="not finite"):
        probe_auc(np.full((24, 2), np.inf), labels, COUNTRIES, seed=0)
    with pytest.raises(ValueError, match="both present"):
        probe_auc(noise(5), np.zeros(24, int), COUNTRIES, seed=0)
    with pytest.raises(ValueError, match="fewer than two groups"):
        probe_auc(noise(5), (COUNTRIES == 0).astype(int), COUNTRIES, seed=0)
    with pytest.raises(ValueError, match="24 labels and 3 groups"):
        probe_auc(noise(5), labels, [1, 2, 3], seed=0)


def test_the_contrast_is_what_neighbours_do_not_have() -> None:
    assert neighbour_contrast(0.9, [0.6, 0.8]) == pytest.approx(0.2)
    assert neighbour_contrast(0.7, [0.6, 0.9]) == 0.0
    with pytest.raises(ValueError, match="at least one neighbour"):
        neighbour_contrast(0.9, [])
