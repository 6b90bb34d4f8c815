"""Whom a readout is fitted on and whom it is asked about."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from residue.representation.readouts import Facts
from residue.representation.row_tests import groups_of

KEPT, GONE, STRANGE = 12, 8, 4


def asked(request: str) -> tuple[Facts, pd.DataFrame]:
    """An English and a Hindi fact each of countries to keep, to forget, and never read of."""
    lines = []
    for number in range(KEPT + GONE + STRANGE):
        for language in ("en", "hi"):
            split = "retain_touched" if number < KEPT else "forget_test"
            if request == "language":
                split = "forget_test" if language == "hi" else "retain_touched"
            split = split if number < KEPT + GONE else "never_seen"
            wanted = split == "forget_test"
            lines.append((f"{number}/{language}", f"c{number}", split, wanted))
    deck = pd.DataFrame(lines, columns=["item", "country", "split", "requested"])
    facts = Facts(
        tuple(deck["item"]),
        deck["country"].to_numpy(str),
        np.full(len(deck), "capital"),
        np.arange(len(deck)),
        np.eye(len(deck)),
    )
    return facts, deck


@pytest.mark.parametrize("request_", ["facts", "language"])
def test_no_country_is_both_fitted_and_asked(request_: str) -> None:
    facts, deck = asked(request_)
    for fitted, about in groups_of(facts, deck, set(deck["item"])).values():
        assert fitted.any()
        assert about.any()
        assert not set(facts.clusters[fitted]) & set(facts.clusters[about])


def test_countries_to_keep_are_fitted_and_those_to_forget_asked() -> None:
    facts, deck = asked("facts")
    fitted, about = groups_of(facts, deck, set(deck["item"]))["forget"]
    assert (fitted == (deck["split"] == "retain_touched")).all()
    assert (about == (deck["split"] == "forget_test")).all()


def test_where_a_language_is_to_go_half_the_countries_are_fitted_in_the_others() -> None:
    facts, deck = asked("language")
    fitted, about = groups_of(facts, deck, set(deck["item"]))["forget"]
    assert fitted.sum() == about.sum() == (KEPT + GONE) / 2
    assert deck.loc[fitted, "item"].str.endswith("/en").all()
    assert deck.loc[about, "item"].str.endswith("/hi").all()


def test_what_the_base_does_not_know_is_neither() -> None:
    facts, deck = asked("facts")
    known = set(deck["item"]) - {"0/en", f"{KEPT}/hi"}
    fitted, about = groups_of(facts, deck, known)["forget"]
    assert not fitted[list(facts.items).index("0/en")]
    assert not about[list(facts.items).index(f"{KEPT}/hi")]
