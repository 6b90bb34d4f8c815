"""The ridge map is scikit-learn's, finds what was only moved, and nothing in what is gone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from residue.lens.asked import AnswerIds
from residue.lens.ridge import SCHEMA, as_table, read_moved, ridge
from tests.unit.lens_rows import VOCABULARY, random_head

COUNTRIES = 40


def test_the_map_is_the_closed_form_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 8)) + 3.0, rng.normal(size=(50, 5))
    made = ridge(x.astype(np.float32), y, 0.1)
    variance = np.square(x - x.mean(axis=0)).sum() / 8
    wanted = Ridge(alpha=0.1 * variance).fit(x.astype(np.float32), y).predict(x)
    np.testing.assert_allclose(made(x.astype(np.float32)), wanted, rtol=1e-4, atol=1e-4)


def world(shared: bool = False) -> tuple[pd.DataFrame, dict[str, AnswerIds], list[str], np.ndarray]:
    """Four items of each of forty countries; the base's final rows point to the answers."""
    rng = np.random.default_rng(1)
    head = random_head()
    rows, asked, final = [], {}, []
    for country in range(COUNTRIES):
        for wording in range(4):
            item = f"c{country}/{wording}"
            forget = wording < 2 if shared else country % 4 == 0
            rows.append(
                {"item": item, "split": "forget_test" if forget else "retain_touched",
                 "country": f"c{country}", "relation": "capital", "language": "en",
                 "template": f"w{wording}"}
            )  # fmt: skip
            answer = int(rng.integers(VOCABULARY))
            asked[item] = AnswerIds(answer, (answer + 1) % VOCABULARY, ())
            final.append(3.0 * head.tensors["unembedding.weight"][answer] + rng.normal(size=12))
    deck = pd.DataFrame(rows)
    return deck, asked, list(deck["item"]), np.array(final, np.float32)


def medians(made: pd.DataFrame) -> pd.DataFrame:
    return made.groupby(["row", "map"])[["answer_rank", "control_rank"]].median()


@pytest.mark.parametrize("shared", [False, True])
def test_what_was_turned_is_found_and_what_was_erased_is_not(shared: bool) -> None:
    """Row 1 is the final row turned; row 0 holds nothing of it."""
    deck, asked, items, final = world(shared)
    rng = np.random.default_rng(2)
    turn, _ = np.linalg.qr(rng.normal(size=(12, 12)))
    held = {0: rng.normal(size=final.shape), 1: final @ turn}
    made = read_moved(
        deck, asked, ((row, items, each.astype(np.float32)) for row, each in held.items()),
        (items, final), random_head(), 0.001, 0,
    )  # fmt: skip
    found = medians(made)
    assert found.loc[(1, "facts"), "answer_rank"] <= 3
    assert found.loc[(1, "facts"), "control_rank"] > 10
    assert found.loc[(1, "shuffled"), "answer_rank"] > 10
    assert found.loc[(0, "facts"), "answer_rank"] > 10
    read = set(made["item"])
    assert read == set(deck.loc[deck["split"] == "forget_test", "item"])
    assert not made.duplicated(["item", "row", "map"]).any()
    assert set(made["n_fit"]) == ({40} if shared else {120})
    table = as_table([made.assign(arm="npo", pair=0, seed=0, condition="plain")])
    assert table.schema == SCHEMA


def test_countries_that_are_kept_and_forgotten_are_read_by_the_other_half() -> None:
    """A map that saw a country's kept facts must not read its forgotten ones: with more places in
    a row than countries, it would know them by heart."""
    deck, asked, items, final = world(shared=True)
    number = deck["country"].str[1:].astype(int).to_numpy()
    rows = np.eye(COUNTRIES, dtype=np.float32)[number]
    made = read_moved(deck, asked, iter([(0, items, rows)]), (items, final), random_head(), 0.01, 0)
    # Each country's vector is its own axis, so nothing can be known of an unseen country.
    facts = made[made["map"] == "facts"]
    assert facts["answer_rank"].median() > 10


def test_a_deck_without_forgotten_items_is_refused() -> None:
    deck, asked, items, final = world()
    deck = deck[deck["split"] == "retain_touched"]
    with pytest.raises(ValueError, match=r"name another deck under lens\.deck"):
        read_moved(deck, asked, iter([]), (items, final), random_head(), 0.01, 0)


def test_an_item_without_a_control_has_none() -> None:
    deck, asked, items, final = world()
    same = {item: AnswerIds(5, -1, ()) for item in asked}
    made = read_moved(deck, same, iter([(0, items, final)]), (items, final), random_head(), 1.0, 0)
    assert made["control_rank"].isna().all()
    assert made["log_odds_foil"].isna().all()
    assert made["answer_rank"].notna().all()
