"""Invented countries: a table that every reader of the real one takes, and nothing real in it."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from residue.specs.world import GroupSizes, WorldSpec
from residue.world.build import build_world
from residue.world.facts import LANGUAGES, Facts, read_facts
from residue.world.invented import CONSONANTS, NAME, SPARE, VOWELS, invented_table, spelled

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def real() -> Facts:
    return read_facts(ROOT / "data/facts.tsv")


@pytest.fixture(scope="module")
def invented(real: Facts, tmp_path_factory: pytest.TempPathFactory) -> Facts:
    file = tmp_path_factory.mktemp("world") / "facts.tsv"
    file.write_text(invented_table(real, WorldSpec()), encoding="utf-8")
    return read_facts(file)


def test_the_world_builds_on_them_with_every_group_full(invented: Facts) -> None:
    world = build_world(invented, WorldSpec(relations=("capital", "currency", "language")))
    needed = sum(vars(GroupSizes()).values())
    assert len(world.groups) == needed
    assert len(invented.countries) == needed + SPARE


def test_no_name_is_real_or_shared(real: Facts, invented: Facts) -> None:
    known = {text.casefold() for fact in real.rows.values() for text in fact.texts.values()}
    for language, relation in product(LANGUAGES, ("name", "capital")):
        texts = [str(invented.text(c, relation, language)) for c in invented.countries]
        assert len(set(texts)) == len(texts)
        assert not {text.casefold() for text in texts} & known
    # Currencies are shared, as real ones are, so that none gives its country away.
    money = {invented.text(c, "currency", "en") for c in invented.countries}
    assert len(money) < len(invented.countries) / 3


def test_every_script_spells_a_name_apart() -> None:
    """No two syllables share a spelling in any script, so no two names do."""
    every = list(product(range(len(CONSONANTS)), range(len(VOWELS))))
    for script in range(len(LANGUAGES)):
        spellings = {spelled([syllable])[script] for syllable in every}
        assert len(spellings) == len(every)
    assert len(spelled([every[0]] * NAME)[0]) == 2 * NAME


def test_equal_seeds_give_equal_bytes_and_others_other_countries(real: Facts) -> None:
    table = invented_table(real, WorldSpec())
    assert table == invented_table(real, WorldSpec())
    other = invented_table(real, WorldSpec(seed=1))
    names = [{line.split("\t")[3] for line in text.split("\n")[1:-1]} for text in (table, other)]
    assert len(names[0] & names[1]) < 12  # the five continents, and chance
    with pytest.raises(ValueError, match="lower the sizes"):
        invented_table(real, WorldSpec(groups=GroupSizes(retain_touched=700)))
