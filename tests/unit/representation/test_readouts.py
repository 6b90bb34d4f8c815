"""Readouts of rows: found where knowledge was put, not where countries are merely alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from residue.representation.readouts import Facts, dependence, facts_of, read_out, swaps
from residue.stats.independence import hsic_test
from residue.stats.two_samples import auc

COUNTRIES, WORDINGS, WIDTH = 40, 4, 12


def world(seed: int, *, known: float) -> tuple[Facts, np.ndarray, np.ndarray]:
    """Rows of a model: every country has a look of its own, and `known` times its answer."""
    rng = np.random.default_rng(seed)
    look = rng.normal(size=(COUNTRIES, WIDTH))
    answers = rng.normal(size=(COUNTRIES, WIDTH))
    mixing = rng.normal(size=(WIDTH, WIDTH)) / np.sqrt(WIDTH)
    place = np.repeat(np.arange(COUNTRIES), WORDINGS)
    rows = look[place] + known * (answers @ mixing)[place]
    rows += 0.3 * rng.normal(size=rows.shape)
    facts = Facts(
        tuple(f"item-{number}" for number in range(len(place))),
        place.astype(str),
        np.full(len(place), "capital/en"),
        place,
        answers[place],
    )
    return facts, rows, place < COUNTRIES // 2


def test_knowledge_is_found_and_its_absence_is_chance() -> None:
    facts, rows, fit = world(0, known=3.0)
    knows = read_out(rows, facts, fit, ~fit, penalty=0.01)
    assert np.mean(knows.auc) > 0.9
    facts, rows, fit = world(0, known=0.0)
    never = read_out(rows, facts, fit, ~fit, penalty=0.01)
    assert abs(np.mean(never.auc) - 0.5) < 0.12
    assert swaps(knows, permutations=199, seed=0).p_value == pytest.approx(1 / 200)
    assert swaps(never, permutations=199, seed=0).p_value > 0.05


def test_an_items_auc_is_that_of_the_two_sample_comparison() -> None:
    facts, rows, fit = world(1, known=1.0)
    made = read_out(rows, facts, fit, ~fit, penalty=0.1)
    asked = facts.take(~fit)
    names = np.unique(asked.tokens)
    candidates = np.stack([asked.directions[asked.tokens == name][0] for name in names])
    candidates -= candidates.mean(axis=0)
    candidates /= np.linalg.norm(candidates, axis=1, keepdims=True)
    scores = made.said[7] @ candidates.T
    own = names == asked.tokens[7]
    assert made.auc[7] == pytest.approx(auc(scores[own], scores[~own]))
    of_country = [made.auc[asked.clusters == name].mean() for name in np.unique(asked.clusters)]
    np.testing.assert_allclose(np.diag(made.swapped), of_country)


def test_a_planted_signal_raises_the_auc_and_a_shared_country_is_refused() -> None:
    facts, rows, fit = world(2, known=0.0)
    levels = [
        float(np.mean(read_out(rows, facts, fit, ~fit, penalty=0.1, planted=s).auc))
        for s in (0.0, 0.5, 2.0)
    ]
    assert levels == sorted(levels)
    assert levels[-1] > 0.95
    with pytest.raises(ValueError, match="both fitted and asked"):
        read_out(rows, facts, fit, np.ones_like(fit), penalty=0.1)


def test_free_permutations_and_split_templates_find_knowledge_that_nobody_has() -> None:
    """Models that never knew: countries look alike in all their wordings, answers are unrelated.

    Items permuted one by one, and a probe split by wordings, both find "knowledge"; whole countries
    keep the level.
    """
    freely, whole, by_wording, by_country = [], [], [], []
    for seed in range(30):
        facts, rows, _ = world(100 + seed, known=0.0)
        wording = np.tile(np.arange(WORDINGS), COUNTRIES)
        freely.append(hsic_test(rows, facts.directions).p_value <= 0.05)
        found = dependence([rows], facts, permutations=99, seed=seed)
        whole.append(found.p_values[0] <= 0.05)
        by_wording.append(_ridge_auc(rows, facts, wording < WORDINGS // 2))
        by_country.append(_ridge_auc(rows, facts, np.arange(len(rows)) < len(rows) // 2))
    assert np.mean(freely) > 0.9
    # Binomial(30, 0.05): above 6 has a chance below 1 in 1,000.
    assert np.sum(whole) <= 6
    assert np.mean(by_wording) > 0.8
    assert abs(np.mean(by_country) - 0.5) < 0.05


def _ridge_auc(rows: np.ndarray, facts: Facts, fit: np.ndarray) -> float:
    """The readout without the guard against shared countries, as one would write it first."""
    x, y = rows[fit] - rows[fit].mean(axis=0), facts.directions[fit]
    y = y - y.mean(axis=0)
    weights = np.linalg.solve(x.T @ x + 0.1 * len(x) * np.eye(WIDTH), x.T @ y)
    said = (rows[~fit] - rows[~fit].mean(axis=0)) @ weights
    tokens = facts.tokens[~fit]
    names = np.unique(tokens)
    answers = np.stack([facts.directions[facts.tokens == name][0] for name in names])
    scores = said @ (answers - answers.mean(axis=0)).T
    own = names[None, :] == tokens[:, None]
    return float(
        np.mean([auc(line[mine], line[~mine]) for line, mine in zip(scores, own, strict=True)])
    )


def test_facts_take_the_first_token_of_plain_items_with_an_answer() -> None:
    items = pd.DataFrame(
        {
            "item": ["a", "b", "c"],
            "style": ["plain", "mixed_language", "plain"],
            "country": ["NP", "NP", "FR"],
            "relation": "capital",
            "language": "en",
        }
    )
    tokens = pd.DataFrame(
        {
            "item": ["a", "a", "b", "a"],
            "part": ["answer", "answer", "answer", "prompt"],
            "position": [0, 1, 0, 0],
            "id": [3, 1, 2, 0],
        }
    )
    made = facts_of(items, tokens, np.eye(4, dtype=np.float32), ["relation", "language"])
    assert made.items == ("a",)
    assert made.cells.tolist() == ["capital/en"]
    assert made.directions.tolist() == [[0.0, 0.0, 0.0, 1.0]]


def test_countries_of_unequal_items_are_tested_too() -> None:
    facts, rows, _ = world(3, known=3.0)
    cells = facts.cells.copy()
    cells[:6] = "currency/en"  # no country has every cell
    uneven = Facts(facts.items, facts.clusters, cells, facts.tokens, facts.directions)
    found = dependence([rows], uneven, permutations=99, seed=0)
    assert found.p_values[0] == pytest.approx(0.01)
