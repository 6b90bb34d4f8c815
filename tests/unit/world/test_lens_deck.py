from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from residue.specs.decks import LensDeck
from residue.specs.fields import SpecError
from residue.specs.world import WorldSpec
from residue.world.audit import held_out_wording
from residue.world.build import World, build_world
from residue.world.facts import Facts
from residue.world.items import COLUMNS
from residue.world.lens_items import FILLERS, LEADS, SHIFTS, lens_deck
from residue.world.splits import split_of


@pytest.fixture(scope="module")
def deck(world: World) -> pd.DataFrame:
    return lens_deck(world)


def test_the_deck_is_small_and_asks_every_fact_in_the_languages_of_the_request(
    world: World, deck: pd.DataFrame
) -> None:
    assert tuple(deck.columns) == tuple(COLUMNS)
    assert deck["item"].is_unique
    assert len(deck) <= 1200
    original = deck[deck["style"] == "orig"]
    facts = set(zip(original["country"], original["relation"], original["language"], strict=True))
    rule = world.spec.decks.lens
    for country in world.groups["country"]:
        for language in world.spec.languages:
            wanted = language in rule.languages or (
                split_of(world, country, language) in rule.everywhere
            )
            for relation in world.spec.relations:
                assert ((country, relation, language) in facts) == wanted
    assert original.groupby("language")["template"].nunique().eq(1).all()


def test_a_variant_changes_one_thing_and_the_answer_still_comes_next(deck: pd.DataFrame) -> None:
    originals = deck.set_index("item")
    varied = deck[deck["style"] != "orig"]
    assert set(varied["style"]) == set(LensDeck().variants)
    for row in varied.itertuples():
        twin = originals.loc[row.twin]
        assert twin["style"] == "orig"
        assert (twin["answers"], twin["split"]) == (row.answers, row.split)
        assert row.prompt != twin["prompt"]
        if row.style in SHIFTS:
            lead = LEADS[row.language][SHIFTS[row.style]]
            assert row.prompt == f"{lead} {twin['prompt']}"
            assert len(lead.split()) == int(row.style.removeprefix("shift_"))
        elif row.style == "filler":
            assert row.prompt == f"{twin['prompt']} {FILLERS[row.language]}"
        elif row.style == "no_filler":
            assert len(row.prompt.split()) < len(twin["prompt"].split())
    changed = varied["style"].isin([*SHIFTS, "filler"])
    assert (varied["family"] == "changed").equals(changed)
    held_out = deck["prompt"].map(held_out_wording)
    assert (held_out == (deck["family"] == "held_out")).all()
    assert set(deck.loc[held_out, "style"]) == {"paraphrase"}


def test_the_foil_is_another_countrys_answer_that_starts_otherwise(
    world: World, deck: pd.DataFrame
) -> None:
    for row in deck.itertuples():
        foil = row.distractors[0]
        assert foil[0] != row.answers[0][0]
        assert foil in {
            world.answer(c, row.relation, row.language) for c in world.groups["country"]
        }


def test_under_request_language_splits_follow_the_language(language_world: World) -> None:
    deck = lens_deck(language_world)
    hindi = (deck["language"] == "hi") & (deck["group"] != "never_seen")
    assert set(deck.loc[hindi, "split"]) == {"forget_test", "forget_relearn", "dev_forget"}
    assert len(deck) <= 1600


def test_fewer_variants_change_no_other_item(
    world: World, facts: Facts, deck: pd.DataFrame
) -> None:
    spec = WorldSpec()
    fewer = replace(spec.decks, lens=LensDeck(variants=("shift_3",)))
    smaller = lens_deck(build_world(facts, replace(spec, decks=fewer)))
    same = deck[deck["style"].isin(["orig", "shift_3"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(smaller, same)


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"languages": ("fr",)}, "languages"),
        ({"everywhere": ("forget",)}, "everywhere"),
        ({"varied": ("all",)}, "varied"),
    ],
)
def test_unknown_languages_and_splits_are_refused(options: dict, key: str) -> None:
    spec = WorldSpec()
    with pytest.raises(SpecError, match=key):
        replace(spec, decks=replace(spec.decks, lens=LensDeck(**options)))
