"""The tail of the limit law: against laws of known form, and that it only ever adds to p."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from residue.stats.kernels import rbf, u_centred
from residue.stats.tails import FEWEST, FROM, _saddlepoint, with_tail


@pytest.mark.parametrize("k", [1, 3, 20])
@pytest.mark.parametrize("z", [2.5, 5.0, 12.0])
def test_equal_weights_give_the_tail_of_chi_square(k: int, z: float) -> None:
    weights = np.full(k, 1.0 / np.sqrt(2.0 * k))
    true = stats.chi2.sf(k + z * np.sqrt(2.0 * k), k)
    # Lugannani and Rice's relative error for one degree of freedom is some six in a hundred.
    assert _saddlepoint(weights, 0.0, z) == pytest.approx(true, rel=0.08 if k == 1 else 0.02)


def test_without_weights_to_speak_of_it_is_the_normal_tail() -> None:
    weights = np.full(4, 1e-6)
    assert _saddlepoint(weights, 1.0, 4.0) == pytest.approx(stats.norm.sf(4.0), rel=1e-3)


def test_a_mixed_sum_against_draws() -> None:
    random = np.random.default_rng(0)
    weights = np.array([0.5, 0.2, -0.1])
    rest = 1.0 - 2.0 * float((weights**2).sum())
    drawn = (random.chisquare(1, size=(400_000, 3)) - 1.0) @ weights
    drawn += np.sqrt(rest) * random.normal(size=400_000)
    for z in (2.0, 3.0, 4.0):
        share = float((drawn > z).mean())
        error = np.sqrt(share / 400_000)
        assert _saddlepoint(weights, rest, z) == pytest.approx(share, abs=4 * error + 0.05 * share)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 8), st.floats(1e-12, 0.5))
def test_it_leaves_the_body_alone_and_never_makes_p_smaller(seed: int, d: int, p: float) -> None:
    x, y = np.random.default_rng(seed).normal(size=(2, FEWEST, d))
    a, b = u_centred(rbf(x)), u_centred(rbf(y))
    z = float(stats.norm.isf(p))
    mended = with_tail(p, a, b, z)
    assert mended == p if p >= FROM else p <= mended <= FROM
    assert with_tail(p, a[:40, :40], b[:40, :40], z) == p
