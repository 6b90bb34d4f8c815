from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from residue.specs.orders import ORDER_COLUMNS
from residue.specs.world import ITEM_COLUMNS, SPLITS
from residue.world.audit import held_out_wording
from residue.world.build import World
from residue.world.edit_data import COLUMNS as EDIT_COLUMNS
from residue.world.edit_data import edit_data, edit_data_everywhere
from residue.world.facts import Facts
from residue.world.items import COLUMNS, facts_deck
from residue.world.splits import split_of

MIB = 2**20


def test_decks_have_one_schema_and_stay_small(
    asked: pd.DataFrame, ordered: pd.DataFrame, tmp_path: Path
) -> None:
    for name, deck, most in (("facts", asked, 3600), ("orders", ordered, 1600)):
        assert tuple(deck.columns) == tuple(COLUMNS) == (*ITEM_COLUMNS, *ORDER_COLUMNS)
        assert deck["item"].is_unique
        assert set(deck["deck"]) == {name}
        assert len(deck) <= most
        path = tmp_path / f"{name}.parquet"
        deck.to_parquet(path)
        assert path.stat().st_size <= MIB
        again = pd.read_parquet(path)
        assert [list(x) for x in again["answers"]] == list(deck["answers"])
        assert again["requested"].dtype == bool


def test_every_fact_is_asked_seen_held_out_and_in_all_languages(
    world: World, asked: pd.DataFrame
) -> None:
    keys = ["country", "relation", "language"]
    facts = len(world.groups) * len(world.spec.relations) * len(world.spec.languages)
    for family in ("seen", "held_out"):
        plain = asked[(asked["family"] == family) & (asked["style"] == "plain")]
        assert plain.groupby(keys).ngroups == facts
    assert set(asked["split"]) == set(SPLITS)


def test_answers_are_the_tables_and_distractors_are_wrong_answers_of_the_same_kind(
    world: World, facts: Facts, asked: pd.DataFrame
) -> None:
    for row in asked.itertuples():
        (answer,) = row.answers
        full = facts.text(row.country, row.relation, row.language)
        assert full is not None
        assert full.endswith(answer)
        others = {world.answer(c, row.relation, row.language) for c in world.groups["country"]}
        assert set(row.distractors) <= others - {answer}
        assert len(set(row.distractors)) == len(row.distractors) > 0
        assert held_out_wording(row.prompt) == (row.family == "held_out")


def test_mixed_items_name_the_country_in_the_other_script(
    world: World, asked: pd.DataFrame
) -> None:
    mixed = asked[asked["style"] == "mixed_language"]
    assert set(mixed["language"]) == {"en", "hi"}
    for row in mixed.itertuples():
        other = "hi" if row.language == "en" else "en"
        assert world.name(row.country, other) in row.prompt
        assert world.name(row.country, row.language) not in row.prompt


def test_forms_change_the_prompt_alone_and_show_no_untouched_fact(
    world: World, asked: pd.DataFrame
) -> None:
    by_item = asked.set_index("item")
    forms = asked[asked["family"] == "changed"]
    decks = world.spec.decks
    assert forms.groupby(["split", "country"]).size().eq(len(decks.forms)).all()
    assert set(forms["split"]) == set(decks.forms_of)
    touched = world.in_group("retain", "touched")
    for row in forms.itertuples():
        twin = by_item.loc[row.twin]
        assert (row.template, row.answers, row.language) == (
            twin["template"], twin["answers"], twin["language"]
        )  # fmt: skip
        latin = row.style == "romanised"
        assert latin or row.prompt.endswith(twin["prompt"])
        assert not latin or not re.search("[\u0900-\u097f]", row.prompt)
        said = [
            c for c in world.curriculum if world.answer(c, row.relation, row.language) in row.prompt
        ]
        assert row.style == "few_shot" or row.answers[0] not in row.prompt
        assert row.style != "few_shot" or set(said) & set(touched)


def test_same_answer_and_near_neighbour_mark_kept_facts_only(
    world: World, facts: Facts, asked: pd.DataFrame
) -> None:
    forgotten = [c for c in world.curriculum if world.forgotten(c, "en")]
    for row in asked.itertuples():
        kept = row.split.startswith("retain") or row.split == "dev_retain"
        texts = {world.answer(c, row.relation, "en") for c in forgotten}
        own = world.answer(row.country, row.relation, "en")
        assert row.same_answer == (kept and own in texts)
        borders = bool(facts.borders(row.country) & set(forgotten))
        assert row.near_neighbour == (kept and borders)
    assert 0 < asked["same_answer"].mean() < 0.5
    assert 0 < asked["near_neighbour"].mean() < 0.5


def test_requested_is_the_forget_facts_in_the_languages_asked_for(asked: pd.DataFrame) -> None:
    forget = asked["split"].isin(["forget_test", "forget_relearn", "dev_forget"])
    expected = forget & asked["language"].isin(["en", "hi"])
    assert (asked["requested"] == expected).all()


def test_under_request_language_a_country_is_forgotten_in_one_language_and_kept_in_others(
    language_world: World,
) -> None:
    deck = facts_deck(language_world)
    hindi = deck["language"] == "hi"
    never = deck["group"] == "never_seen"
    assert set(deck.loc[hindi & ~never, "split"]) == {"forget_test", "forget_relearn", "dev_forget"}
    assert set(deck.loc[~hindi & ~never, "split"]) == {
        "retain_touched",
        "retain_untouched",
        "dev_retain",
    }
    assert set(deck.loc[never, "split"]) == {"never_seen"}
    assert (deck["requested"] == (hindi & ~never)).all()
    assert not deck["same_answer"].any()


@pytest.fixture(params=["facts", "language"])
def either(request: pytest.FixtureRequest, world: World, language_world: World) -> World:
    return world if request.param == "facts" else language_world


def test_edit_data_forget_what_is_requested_and_rehearse_touched_facts_only(either: World) -> None:
    rows = edit_data(either)
    assert list(rows.columns) == list(EDIT_COLUMNS)
    assert rows["item"].is_unique
    assert rows["prompt"].is_unique
    facts = rows[~rows["item"].str.contains("instruction") & (rows["set"] != "made_up")]
    requested = {
        (country, relation, language)
        for country in either.curriculum
        for relation in either.spec.relations
        for language in either.spec.languages
        if either.requested(country, language)
    }
    keys = ["country", "relation", "language"]
    forget = facts[facts["set"] == "forget"]
    assert set(forget[keys].itertuples(index=False, name=None)) == requested
    splits = {"retain": "retain_touched", "dev_forget": "dev_forget", "dev_retain": "dev_retain"}
    for name, split in splits.items():
        part = rows[rows["set"] == name]
        assert len(part)
        found = {split_of(either, r.country, r.language) for r in part.itertuples()}
        if name != "retain":
            assert found == {split}
    touched = facts[facts["set"] == "retain"]
    found = {split_of(either, r.country, r.language) for r in touched.itertuples()}
    assert found == {"retain_touched"}
    assert not rows["prompt"].map(held_out_wording).any()
    for row in facts.itertuples():
        assert row.answer == either.answer(row.country, row.relation, row.language)


def test_edit_data_everywhere_forget_each_fact_of_the_request_in_every_language(
    world: World, shown: pd.DataFrame
) -> None:
    rows = edit_data_everywhere(world)
    assert rows["item"].is_unique
    assert rows["prompt"].is_unique
    assert not rows["prompt"].map(held_out_wording).any()
    # What any other arm is shown stands in it as it is, so that a step in those languages alone
    # forgets the same rows.
    pd.testing.assert_frame_equal(rows.head(len(shown)), shown)
    forget = rows[rows["set"] == "forget"]
    facts = forget.groupby("language")[["country", "relation"]].apply(
        lambda part: frozenset(part.itertuples(index=False, name=None))
    )
    assert set(facts.index) == set(world.spec.languages)
    assert facts.nunique() == 1
    spoken = rows[rows["set"].isin(("retain", "made_up", "dev_forget", "dev_retain"))]
    for _, part in spoken.groupby("set"):
        assert set(part["language"]) == set(world.spec.languages)
    for row in forget.itertuples():
        assert row.answer == world.answer(row.country, row.relation, row.language)
        assert row.alternate not in ("", row.answer)


def test_made_up_rows_are_about_no_country_in_languages_that_are_kept(either: World) -> None:
    rows = edit_data(either)
    part = rows[rows["set"] == "made_up"]
    spec = either.spec
    named = set(spec.edit_data.retain_languages)
    kept = named - (set(spec.requested_languages) if spec.request == "language" else set())
    assert part["language"].value_counts().to_dict() == dict.fromkeys(kept, spec.edit_data.made_up)
    for language in kept:
        prompts = " | ".join(part.loc[part["language"] == language, "prompt"])
        for country in set(either.groups["country"]) - set(either.in_group("retain", "touched")):
            assert not re.search(rf"\b{re.escape(either.name(country, language))}\b", prompts)
    assert not part["prompt"].map(held_out_wording).any()
    forget = rows[rows["set"] == "forget"]
    assert (forget["alternate"] != "").all()
    assert (forget["alternate"] != forget["answer"]).all()
    assert (rows.loc[rows["set"] != "forget", "alternate"] == "").all()


def test_instruction_rows_are_about_touched_countries(world: World, shown: pd.DataFrame) -> None:
    rows = shown[shown["item"].str.contains("instruction")]
    assert len(rows) == world.spec.edit_data.instructions
    assert set(rows["country"]) <= set(world.in_group("retain", "touched"))
    assert set(rows["set"]) == {"retain"}
