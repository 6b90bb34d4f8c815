"""Scores of next-token laws against closed forms."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from residue.records.laws import POSITIONS_AT_ONCE, score


def of_law(probabilities: list[float], target: int, base: list[float] | None = None) -> dict:
    logits = torch.tensor([probabilities]).log() + 3.0  # a law does not change with a shift
    other = None if base is None else torch.tensor([base]).log() - 1.0
    found = score(logits, torch.tensor([target]), law=True, base_logits=other)
    return {name: float(values[0]) for name, values in found.numbers().items()}


def test_the_uniform_law_is_all_entropy_and_no_spread() -> None:
    told = of_law([0.25] * 4, target=2, base=[0.25] * 4)
    assert math.isclose(told["logp"], -math.log(4), rel_tol=1e-6)
    assert math.isclose(told["entropy"], math.log(4), rel_tol=1e-6)
    assert told["logp_deviation"] < 1e-6
    assert told["kl_to_base"] < 1e-6
    assert told["rank"] == 4  # every tie counts against the token


def test_two_tokens_follow_the_binary_formulas() -> None:
    p, q = 0.8, 0.3
    told = of_law([p, 1 - p], target=1, base=[q, 1 - q])
    assert told["rank"] == 2
    entropy = -p * math.log(p) - (1 - p) * math.log(1 - p)
    assert math.isclose(told["entropy"], entropy, rel_tol=1e-5)
    # The standard deviation of a two-valued variable is its gap times sqrt(p (1 - p)).
    deviation = math.log(p / (1 - p)) * math.sqrt(p * (1 - p))
    assert math.isclose(told["logp_deviation"], deviation, rel_tol=1e-5)
    divergence = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    assert math.isclose(told["kl_to_base"], divergence, rel_tol=1e-5)
    reverse = q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))
    assert math.isclose(told["kl_from_base"], reverse, rel_tol=1e-5)


def test_a_forbidden_token_leaves_the_law_finite() -> None:
    told = of_law([0.5, 0.5, 0.0], target=0, base=[0.5, 0.5, 0.0])
    assert math.isclose(told["entropy"], math.log(2), rel_tol=1e-6)
    assert told["kl_to_base"] < 1e-6
    assert told["kl_from_base"] < 1e-6


def test_broken_logits_give_no_numbers() -> None:
    logits = torch.tensor([[0.0, 1.0], [float("nan"), 1.0]])
    told = score(logits, torch.tensor([1, 1]), law=True).numbers()
    assert told["rank"].tolist() == [1, 0]
    assert np.isnan(told["logp"]).tolist() == [False, True]
    assert np.isnan(told["entropy"]).tolist() == [False, True]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(2, 40), scale=st.floats(0.1, 10.0))
def test_bounds_hold_for_any_law(seed: int, size: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    n = 3
    logits, base = (torch.tensor(rng.normal(0, scale, (n, size))).float() for _ in range(2))
    targets = torch.tensor(rng.integers(size, size=n))
    told = score(logits, targets, law=True, base_logits=base).numbers()
    assert (told["logp"] <= 0).all()
    assert ((told["entropy"] >= -1e-5) & (told["entropy"] <= math.log(size) + 1e-5)).all()
    assert (told["kl_to_base"] >= 0).all()
    assert ((told["rank"] >= 1) & (told["rank"] <= size)).all()
    assert ((told["rank"] == 1) == (logits.argmax(dim=1) == targets).numpy()).all()


def test_work_in_pieces_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    n = 2 * POSITIONS_AT_ONCE + 3
    logits = torch.tensor(rng.normal(size=(n, 7))).float()
    targets = torch.tensor(rng.integers(7, size=n))
    whole = score(logits, targets, law=False).numbers()["logp"]
    each = [score(logits[[i]], targets[[i]], law=False).numbers()["logp"][0] for i in range(n)]
    np.testing.assert_allclose(whole, each, atol=1e-6)
