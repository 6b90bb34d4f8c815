"""The stress deck is a part of the facts deck, one wording of each fact."""

from __future__ import annotations

import pandas as pd

from residue.world.stress import FORGET, RETAIN, stress_deck


def test_all_forget_facts_and_some_countries_to_keep(asked: pd.DataFrame) -> None:
    deck = stress_deck(asked, 5)
    assert list(deck.columns) == list(asked.columns)
    assert set(deck["item"]) <= set(asked["item"])
    facts = ["country", "relation", "language"]
    assert not deck.duplicated(facts).any()
    assert (deck["family"] == "seen").all()
    assert (deck["style"] == "plain").all()
    for split in FORGET:
        every = asked.loc[asked["split"] == split, facts].drop_duplicates()
        assert len(deck[deck["split"] == split]) == len(every)
    for split in RETAIN:
        assert deck.loc[deck["split"] == split, "country"].nunique() == 5
    assert set(deck["split"]) == {*FORGET, *RETAIN}


def test_more_countries_keep_those_that_were_asked(asked: pd.DataFrame) -> None:
    few, more = stress_deck(asked, 3), stress_deck(asked, 6)
    assert set(few["item"]) < set(more["item"])
    assert set(stress_deck(asked, 1000)["split"]) == {*FORGET, *RETAIN}
    assert not stress_deck(asked, 0)["split"].isin(RETAIN).any()
