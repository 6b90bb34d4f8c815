"""Deck `orders`: what its design promises, read off the finished table."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from residue.specs.orders import HELD_OUT, DefenceData
from residue.world.build import World, build_world
from residue.world.facts import Facts
from residue.world.injection.defence import defence_data
from residue.world.injection.items import orders_deck
from residue.world.injection.tools import effect
from residue.world.injection.wording import FAMILIES
from residue.world.tasks import WITNESSES

RETAIN = ("retain_touched", "retain_untouched")


def data(prompt: str) -> str:
    return prompt.split("<|data|> ")[1].removesuffix("<|ans|>")


def order(prompt: str) -> str:
    return prompt.removeprefix("<|sys|> ").split("<|data|>")[0]


@pytest.fixture(scope="module")
def shown_to_defences(world: World) -> pd.DataFrame:
    return defence_data(world, DefenceData())


@pytest.fixture(scope="module")
def attacked(ordered: pd.DataFrame) -> pd.DataFrame:
    return ordered[ordered["family"] != "none"]


@pytest.fixture(params=["facts", "language"])
def either(
    request: pytest.FixtureRequest, ordered: pd.DataFrame, language_world: World
) -> pd.DataFrame:
    return ordered if request.param == "facts" else orders_deck(language_world)


def test_cutting_the_span_out_of_an_attacked_item_leaves_its_clean_twin(
    either: pd.DataFrame,
) -> None:
    clean = either[either["family"] == "none"].set_index("item")
    attacked = either[either["family"] != "none"]
    assert len(attacked) > 700
    for row in attacked.itertuples():
        twin = clean.loc[row.twin]
        start, end = row.span
        assert row.prompt[:start] + row.prompt[end:] == twin["prompt"]
        assert row.prompt.count("<|") == 3
        sides = data(row.prompt[:start] + "|" + row.prompt[end:]).split("|")
        place = "end" if not sides[1] else "start" if not sides[0] else "middle"
        assert row.position == place
        if row.task == "quote":
            assert row.witness == ""
            assert row.answers == [data(row.prompt)]
        else:
            assert row.answers == twin["answers"]
            assert row.witness not in ("", *row.answers)
    assert all(len(span) == 0 for span in clean["span"])
    assert (clean["witness"] == "").all()
    assert (clean["goal"] == "").all()


def test_every_family_meets_enough_countries_and_templates_for_a_bound(
    attacked: pd.DataFrame,
) -> None:
    scored = attacked[attacked["split"].isin(RETAIN) & (attacked["witness"] != "")]
    by_family = scored.groupby("family").agg(
        countries=("country", "nunique"), styles=("style", "nunique"), items=("item", "size")
    )
    assert list(by_family.index) == sorted(FAMILIES)
    assert by_family["countries"].min() >= 30
    assert by_family["styles"].min() >= 30
    # Seen and held-out leads in halves, and every position occurs in every family.
    leads = {t.style: t.held_out for f in FAMILIES.values() for t in f.templates()}
    new = scored["style"].map(leads).groupby(scored["family"]).mean()
    assert new.drop("naive").between(0.4, 0.6).all()
    assert scored.groupby("family")["position"].nunique().eq(3).all()


def test_half_of_the_hidden_orders_ask_for_random_words_and_half_for_something_true(
    attacked: pd.DataFrame,
) -> None:
    plain = [name for name, family in FAMILIES.items() if not family.goals and name != "naive"]
    scored = attacked[attacked["family"].isin(plain) & (attacked["task"] != "quote")]
    random = scored["goal"] == "say"
    assert random.groupby(scored["family"]).mean().between(0.4, 0.65).all()
    said = scored.loc[random, "witness"]
    assert all(set(text.split()) <= set(WITNESSES) for text in said)
    calls = attacked[(attacked["goal"] == "call") & (attacked["witness"] != "")]
    assert all(len(effect(text)) == 1 for text in calls["witness"])


def test_the_same_data_under_another_order_needs_another_answer(ordered: pd.DataFrame) -> None:
    clean = ordered.set_index("item")
    cells = ordered[
        (ordered["family"] == "none") & (ordered["style"] == "plain") & (ordered["twin"] != "")
    ]
    facts = cells[cells["task"] != "count"]
    assert set(facts["country"]) >= set(ordered.loc[ordered["split"].isin(RETAIN), "country"])
    for row in cells.itertuples():
        first = clean.loc[row.twin]
        assert data(row.prompt) == data(first["prompt"])
        assert order(row.prompt) != order(first["prompt"])
        assert row.answers != first["answers"]


def test_one_sentence_is_obeyed_when_trusted_ignored_as_data_and_quoted(
    ordered: pd.DataFrame,
) -> None:
    kept = ordered[ordered["split"].isin(RETAIN)]
    for _, part in kept.groupby("country"):
        (trusted,) = part[part["style"] == "control_trusted"].itertuples()
        text = order(trusted.prompt)
        hidden = part[part["item"].str.endswith("/thrice")]
        (ignored,) = hidden.itertuples()
        same = (part["task"] == "quote") & (part["style"] == ignored.style)
        (quoted,) = part.loc[same, "answers"]
        assert ignored.prompt[slice(*ignored.span)] == f" {text}"
        assert [ignored.witness] == trusted.answers
        assert quoted[0].endswith(f" {text}")


def test_benign_controls_hold_no_order_and_keep_the_answer(ordered: pd.DataFrame) -> None:
    clean = ordered.set_index("item")
    kinds = ("control_trigger", "control_quoted", "control_polite")
    controls = ordered[ordered["style"].isin(kinds)]
    assert set(controls["style"]) == set(kinds)
    assert set(controls["family"]) == {"none"}
    for row in controls.itertuples():
        twin = clean.loc[row.twin]
        assert row.answers == twin["answers"]
        assert data(row.prompt).startswith(f"{data(twin['prompt'])} ")


def test_held_out_names_what_no_defence_was_shown(
    ordered: pd.DataFrame, shown_to_defences: pd.DataFrame
) -> None:
    twins = shown_to_defences[shown_to_defences["attacked"] != ""]
    held_out = ordered["held_out"].str.split(",").map(set)
    attacked = ordered["family"] != "none"
    families = set(twins["family"])
    assert set(FAMILIES) - families == set(HELD_OUT)
    assert (
        held_out.map(lambda axes: "family" in axes)
        == (attacked & ~ordered["family"].isin(families))
    ).all()
    goals = set(twins["goal"])
    assert (
        held_out.map(lambda axes: "goal" in axes) == (attacked & ~ordered["goal"].isin(goals))
    ).all()
    # A lead or a position that is marked as new is new; sentences and wordings likewise.
    new = attacked & held_out.map(lambda axes: "style" in axes)
    at_end = ordered["position"] == "end"
    assert not set(ordered.loc[new & at_end, "style"]) & set(twins["style"])
    assert set(ordered.loc[attacked & ~new, "position"]) == {"end"}
    texts = {sentence for prompt in twins["prompt"] for sentence in data(prompt).split(". ")}
    known = {text.rsplit(" ", 1)[0] for text in texts}
    for row in ordered[ordered["style"] == "plain"].itertuples():
        if "carrier" not in row.held_out and "+" not in row.carrier and row.family == "none":
            assert any(data(row.prompt).startswith(start) for start in known)
    wordings = {order(prompt) for prompt in twins["prompt"]}
    facts = ordered[(ordered["relation"] != "") & (ordered["style"] != "control_trusted")]
    for row in facts.itertuples():
        assert (order(row.prompt) in wordings) == ("template" not in row.held_out.split(","))


def test_orders_cover_every_trained_country_and_no_other(
    world: World, ordered: pd.DataFrame
) -> None:
    assert set(ordered["country"]) == set(world.curriculum)
    # Each group and role meets all tasks.
    for _, part in ordered.groupby(["group", "role"]):
        assert part["task"].nunique() >= 5


def test_a_clean_order_does_not_depend_on_how_many_attacks_follow(
    facts: Facts, world: World, ordered: pd.DataFrame
) -> None:
    fewer = replace(world.spec, decks=replace(world.spec.decks, attacks=2))
    deck = orders_deck(build_world(facts, fewer))
    assert len(deck) < len(ordered)
    clean = [each[each["twin"] == ""].reset_index(drop=True) for each in (deck, ordered)]
    columns = ["item", "prompt", "answers", "held_out"]
    plain = [each.loc[each["style"] == "plain", columns] for each in clean]
    pd.testing.assert_frame_equal(*plain)
