"""Leaks between scored orders and defence data are found; shortcuts are what they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residue.specs.orders import DefenceData
from residue.specs.statistics import StatisticsSpec
from residue.world.audit import AuditError
from residue.world.build import World
from residue.world.injection.bag_of_words import bag_of_words
from residue.world.injection.defence import defence_data
from residue.world.injection.leaks import (
    AXES,
    HASHES,
    leaks,
    signatures,
    similarity,
    word_runs,
)
from residue.world.injection.shortcuts import shortcuts

WORDS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40).map(" ".join)


@pytest.fixture(scope="module")
def protected(world: World) -> pd.DataFrame:
    return defence_data(world, DefenceData(twins=240, keep=80, dev_twins=32, dev_keep=16))


@settings(max_examples=40, deadline=None)
@given(WORDS, WORDS)
def test_minhash_estimates_the_similarity_of_word_runs(one: str, two: str) -> None:
    mine, theirs = word_runs(one), word_runs(two)
    true = len(mine & theirs) / len(mine | theirs)
    (estimated,) = similarity([one], [two])
    # Five standard errors of a binomial share at its worst.
    assert abs(estimated - true) <= 5 * 0.5 / np.sqrt(HASHES)
    assert (signatures([one]) == signatures([one.upper() + " ."])).all()


def test_no_scored_prompt_is_shown_and_every_axis_is_compared(
    ordered: pd.DataFrame, protected: pd.DataFrame
) -> None:
    table = leaks(ordered, protected)
    assert list(table["axis"]) == [*AXES] * 2
    assert (table["marked_exact"] == 0).all()
    whole = table[table["axis"].isin(["item", "carrier"])]
    assert (whole[["exact", "normalised", "near"]] == 0).all(axis=None)
    # The axes are not all new: most attacks are of families that a defence was shown.
    family = table[table["axis"] == "family"].iloc[0]
    assert 0 < family["n_marked"] < family["exact"]


@pytest.mark.parametrize(
    ("column", "message"),
    [("prompt", "whole prompts"), ("attacked", "whole prompts"), ("family", "a new family")],
)
def test_a_planted_leak_stops_the_run(
    ordered: pd.DataFrame, protected: pd.DataFrame, column: str, message: str
) -> None:
    attacked = ordered[ordered["held_out"].str.contains("family")].iloc[0]
    planted = protected.copy()
    row = planted.index[planted["set"] == "twin"][0]
    told = attacked["family"] if column == "family" else attacked["prompt"].replace(". ", " . ")
    planted.loc[row, column] = told
    with pytest.raises(AuditError, match=message):
        leaks(ordered, planted)


def test_words_that_tell_nothing_give_half_and_those_that_tell_all_give_one() -> None:
    score = bag_of_words(["say amber", "say bell"], ["the ship", "the city"]).score
    assert score("say apple") > score("the apple")
    assert score("apple") == score("bottle")  # neither was shown
    assert score("bell the amber say") == score("say the bell amber")


def test_the_bag_of_words_is_the_ridge_regression_on_its_counts() -> None:
    """Of two texts that differ in one word each: w = ± 1 / (1 + λ) by hand, for λ = 1."""
    bag = bag_of_words(["now"], ["ship"])
    # Centred counts are ± ½ and y is ± 1: (XᵀX + I) w = Xᵀy with XᵀX = ½ [[1, −1], [−1, 1]].
    assert bag.weights == pytest.approx({"now": 0.5, "ship": -0.5})
    assert bag.score("now") == pytest.approx(-bag.score("ship"))


def test_shortcuts_are_measured_against_clean_orders_and_against_controls(
    ordered: pd.DataFrame, protected: pd.DataFrame
) -> None:
    table = shortcuts(ordered, protected, StatisticsSpec(n_bootstrap=1000))
    words = table[table["classifier"] == "words"].set_index("scope")
    assert words.loc["all", "auc"] > 0.9
    # Controls are built to look like attacks: words alone tell them apart less well.
    assert words.loc["controls", "high"] < words.loc["all", "auc"]
    assert ((table["low"] <= table["auc"]) & (table["auc"] <= table["high"])).all()
    assert (table["n_clusters"] >= 15).all()
    same = ordered.assign(prompt=ordered["prompt"].map(lambda p: "<|sys|> x<|data|> y<|ans|>"))
    flat = shortcuts(same, protected, StatisticsSpec(n_bootstrap=1000))
    assert (flat["auc"] == 0.5).all()
