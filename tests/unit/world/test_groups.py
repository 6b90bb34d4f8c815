from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from residue.specs.world import GroupSizes, WorldSpec
from residue.world.build import World, build_world
from residue.world.facts import Facts
from residue.world.groups import ROLES, answer_text, assign_groups, eligible


def test_every_group_has_its_size_and_every_country_one_group(world: World) -> None:
    counts = Counter(zip(world.groups["group"], world.groups["role"], strict=True))
    sizes = vars(world.spec.groups)
    assert counts == {ROLES[i]: size for i, size in enumerate(sizes.values())}
    assert [f"{group}_{role}" for group, role in ROLES[:-1]] == list(sizes)[:-1]
    assert world.groups["country"].is_unique


def test_eligible_countries_cannot_be_copied_and_are_spelt_plainly(facts: Facts) -> None:
    spec = WorldSpec()
    chosen = eligible(facts, spec)
    populations = [facts.population(country) for country in chosen]
    assert populations == sorted(populations, reverse=True)
    for country in chosen:
        for language in spec.languages:
            name = str(facts.text(country, "name", language))
            for relation in spec.relations:
                answer = answer_text(facts, country, relation, language)
                assert name not in answer
                assert answer not in name
                assert len(answer) <= spec.max_letters
    # Djibouti and Panama City repeat the country's name, Congo's name is ambiguous.
    assert not {"DJ", "PA", "CD", "CG"} & set(chosen)


def test_continents_are_spread_over_groups_as_evenly_as_whole_countries_allow(facts: Facts) -> None:
    for seed in range(5):
        groups = assign_groups(facts, replace(WorldSpec(), seed=seed))
        table = groups.groupby(["continent", "group", "role"]).size()
        share = groups.groupby(["group", "role"]).size() / len(groups)
        for continent, size in groups.groupby("continent").size().items():
            for part, expected in (share * size).items():
                assert abs(table.get((continent, *part), 0) - expected) < 2


def test_a_seed_fixes_the_groups_and_every_country_may_land_anywhere(facts: Facts) -> None:
    spec = WorldSpec()
    assert assign_groups(facts, spec).equals(assign_groups(facts, spec))
    seeds = range(80)
    parts = []
    for seed in seeds:
        groups = assign_groups(facts, replace(spec, seed=seed)).set_index("country")
        parts.append(groups.loc["IN", "group"])
    # India is in a forget group with chance 26 / 84; four standard errors are 0.21.
    assert abs(parts.count("forget") / len(seeds) - 26 / 84) < 0.21
    assert set(parts) == {"retain", "forget", "dev", "never_seen"}


def test_curriculum_order_is_a_permutation_of_trained_countries_only(world: World) -> None:
    trained = world.groups[world.groups["group"] != "never_seen"]
    assert sorted(trained["first_seen"]) == list(range(len(trained)))
    never = world.groups[world.groups["group"] == "never_seen"]
    assert set(never["first_seen"]) == {-1}
    assert set(world.curriculum) == set(trained["country"])


def test_more_countries_than_there_are_stops_with_the_mend(facts: Facts) -> None:
    spec = WorldSpec(groups=GroupSizes(retain_touched=400))
    with pytest.raises(ValueError, match=r"world\.groups asks for 4\d\d countries but only 1\d\d"):
        build_world(facts, spec)


def test_a_currency_is_asked_by_its_last_word(facts: Facts) -> None:
    assert facts.text("KE", "currency", "en") == "Kenyan Shilling"
    assert answer_text(facts, "KE", "currency", "en") == "Shilling"
    with pytest.raises(KeyError, match="no capital of"):
        answer_text(facts, "AQ", "capital", "en")


def test_equal_short_currencies_are_one_answer(world: World) -> None:
    by_text: dict[str, set[str]] = {}
    for country in world.groups["country"]:
        text = world.answer(country, "currency", "en")
        by_text.setdefault(text, set()).add(world.identities[country, "currency"])
    assert len(by_text["Franc"]) == 1
    assert all(len(identities) == 1 for identities in by_text.values())


def test_base_and_oracle_meet_a_country_at_the_same_moment(world: World) -> None:
    for progress in (0.0, 0.14, 0.2, 0.3, 0.35, 1.0):
        base = world.introduced("base", progress)
        oracle = world.introduced("oracle", progress)
        assert oracle == tuple(c for c in base if not world.forgotten(c, "en"))
    assert len(world.introduced("base", 0.0)) == world.spec.curriculum.first
    assert world.introduced("base", 0.36) == world.curriculum
