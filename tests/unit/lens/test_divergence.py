"""Divergences keep their bounds and closed forms where probabilities underflow."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr

from residue.lens.divergence import entropy_bits, js_bits, kl_bits, log_softmax

LN2 = np.log(2.0)


def laws(seed: int, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return tuple(log_softmax(scale * rng.normal(size=(5, 40))) for _ in range(2))  # type: ignore


def test_agree_with_scipy() -> None:
    a, b = laws(0)
    p, q = np.exp(a), np.exp(b)
    np.testing.assert_allclose(kl_bits(a, b), rel_entr(p, q).sum(axis=1) / LN2)
    expected = [jensenshannon(x, y, base=2) ** 2 for x, y in zip(p, q, strict=True)]
    np.testing.assert_allclose(js_bits(a, b, p, q), expected)
    np.testing.assert_allclose(entropy_bits(a, p), -(p * np.log2(p)).sum(axis=1))


def test_logits_of_a_thousand_give_the_true_divergence() -> None:
    """Two tokens 1000 apart, swapped: 2000 / ln 2 less a trifle, where a clipped form says 100."""
    a, b = log_softmax(np.array([[1000.0, -1000.0]])), log_softmax(np.array([[-1000.0, 1000.0]]))
    assert kl_bits(a, b)[0] == pytest.approx(2000.0 / LN2)
    assert js_bits(a, b, np.exp(a), np.exp(b))[0] == pytest.approx(1.0)
    assert entropy_bits(a, np.exp(a))[0] == pytest.approx(0.0)


def test_a_token_ruled_out_by_the_first_law_adds_nothing() -> None:
    a, b = log_softmax(np.array([[0.0, -np.inf]])), log_softmax(np.array([[0.0, 0.0]]))
    assert kl_bits(a, b)[0] == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(3))
def test_bounds_and_identity(seed: int) -> None:
    a, b = laws(seed, 30.0)
    assert (kl_bits(a, b) > 0.0).all()
    assert np.allclose(kl_bits(a, a), 0.0)
    js = js_bits(a, b, np.exp(a), np.exp(b))
    assert ((js > 0.0) & (js <= 1.0 + 1e-12)).all()
    np.testing.assert_allclose(js, js_bits(b, a, np.exp(b), np.exp(a)))


def test_a_uniform_law_has_the_entropy_of_its_size() -> None:
    flat = log_softmax(np.full((1, 64), 7.0))
    assert entropy_bits(flat, np.exp(flat))[0] == pytest.approx(6.0)
