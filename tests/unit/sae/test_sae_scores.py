"""Scores have SAEBench's meaning, centred rightly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from residue.sae.models import Sae
from residue.sae.scores import Tally, crowding, score_rows, score_table


def constant(rows: np.ndarray, value: np.ndarray) -> Sae:
    """An SAE that always says `value`."""
    width = rows.shape[1]
    silent = np.full(4, -1e6)
    decoder = np.eye(4, width)
    return Sae("topk", np.zeros((width, 4)), silent, decoder, value, k=1, row=0)


def test_the_mean_explains_nothing_however_large_it_is(rows: np.ndarray) -> None:
    """With the centring of SAEBench 0.6.0 (no square on the mean's norm, or none) this would be
    near one: the defect behind SAELens issue 659."""
    far = rows.astype(np.float64) + 1000
    scores, n = score_rows(constant(far, far.mean(axis=0)), [far[:25], far[25:]])
    assert n == len(far)
    assert scores["explained_variance"] == pytest.approx(0, abs=1e-6)
    assert scores["cosine"] > 0.999
    assert scores["l0"] == scores["l1"] == 0
    assert scores["dead"] == 1


def test_a_perfect_reconstruction_explains_all() -> None:
    rng = np.random.default_rng(0)
    width = 6
    signed = np.concatenate([np.eye(width), -np.eye(width)])
    sae = Sae("topk", signed.T, np.zeros(12), signed, np.ones(width), k=6, row=0)
    h = rng.normal(size=(50, width)) + 1
    scores, _ = score_rows(sae, [h])
    for name in ("explained_variance", "cosine", "l2_ratio", "reconstruction_bias"):
        assert scores[name] == pytest.approx(1, abs=1e-12)
    assert scores["mse"] == pytest.approx(0, abs=1e-20)
    assert scores["l0"] == width
    assert scores["l1"] == pytest.approx(np.abs(h - 1).sum(axis=1).mean())


def test_scores_are_their_formulas(make_sae: Callable[..., Sae], rows: np.ndarray) -> None:
    sae = make_sae()
    z = sae.encode(rows)
    made = sae.decode(z)
    scores, _ = score_rows(sae, [rows])
    norms = np.linalg.norm(rows, axis=1), np.linalg.norm(made, axis=1)
    inner = (rows * made).sum(axis=1)
    wanted = {
        "explained_variance": 1 - ((rows - made) ** 2).sum() / ((rows - rows.mean(0)) ** 2).sum(),
        "mse": ((rows - made) ** 2).sum(axis=1).mean(),
        "cosine": (inner / (norms[0] * norms[1])).mean(),
        "l2_ratio": (norms[1] / norms[0]).mean(),
        "reconstruction_bias": (norms[1] ** 2).mean() / inner.mean(),
        "l0": (z > 0).sum(axis=1).mean(),
        "l1": z.sum(axis=1).mean(),
        "dead": (~(z > 0).any(axis=0)).mean(),
        "often": ((z > 0).mean(axis=0) > 0.01).mean(),
        "very_often": ((z > 0).mean(axis=0) > 0.1).mean(),
    }
    for name, value in wanted.items():
        assert scores[name] == pytest.approx(value, rel=1e-4), name


def test_a_shrunken_reconstruction_has_a_bias_below_one() -> None:
    """ĥ = s·h gives ‖ĥ‖²/⟨h, ĥ⟩ = s."""
    rng = np.random.default_rng(0)
    signed = np.concatenate([np.eye(5), -np.eye(5)])
    sae = Sae("topk", 0.7 * signed.T, np.zeros(10), signed, np.zeros(5), k=5, row=0)
    scores, _ = score_rows(sae, [rng.normal(size=(40, 5))])
    assert scores["reconstruction_bias"] == pytest.approx(0.7)
    assert scores["l2_ratio"] == pytest.approx(0.7)


def test_dead_latents_are_read_from_the_sparse_code(
    make_sae: Callable[..., Sae], rows: np.ndarray
) -> None:
    """A latent with large pre-activations that never makes the top k is dead."""
    sae = make_sae()
    b_enc = sae.b_enc.copy()
    b_enc[:10] -= 100
    tally = Tally(replace(sae, b_enc=b_enc))
    tally.add(rows)
    assert np.abs(tally.sae.pre_activations(rows)[:, :10]).min() > 1
    assert (tally.fired[:10] == 0).all()
    assert tally.scores()["dead"] >= 10 / 30


def test_crowding_sees_twins() -> None:
    rows = np.eye(6)
    assert crowding(rows) == pytest.approx(0)
    assert crowding(np.concatenate([rows, rows])) == pytest.approx(1)


def test_too_few_tokens_are_refused(make_sae: Callable[..., Sae], rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match="at least two held-out tokens"):
        score_rows(make_sae(), [rows[:1]])


def test_the_table_is_long() -> None:
    table = score_table([("a", {"l0": 1.0, "mse": 2.0}, 7), ("b", {"l0": 3.0}, 9)])
    assert table.to_dict("records") == [
        {"sae": "a", "score": "l0", "value": 1.0, "tokens": 7},
        {"sae": "a", "score": "mse", "value": 2.0, "tokens": 7},
        {"sae": "b", "score": "l0", "value": 3.0, "tokens": 9},
    ]
