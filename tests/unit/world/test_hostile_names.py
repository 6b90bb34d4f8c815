"""Names in the fact table are data: they end no line, fill no slot and open no channel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hostile_text import HOSTILE, acting
from hypothesis import given
from hypothesis import strategies as st

from residue.core.text import shown
from residue.specs.world import WorldSpec
from residue.world.build import World
from residue.world.documents import sample_documents
from residue.world.facts import HEADER, Fact, Facts, read_facts
from residue.world.grammar import SPECIAL_TOKENS, instruction_prompt, without_channel_tokens
from residue.world.groups import eligible
from residue.world.injection.items import orders_deck

SLOTS = ("{w}", "{0}", "{w.__class__}", "{", "%s", "\\1")
ODD = [text for text in HOSTILE if shown(text) != text]


def named(facts: Facts, country: str, text: str) -> Facts:
    """The facts with one country's English name replaced."""
    fact = facts.rows[country, "name"]
    rows = {**facts.rows, (country, "name"): Fact(fact.id, {**fact.texts, "en": text}, "hand")}
    return Facts(rows, facts.countries)


@pytest.mark.parametrize("name", [*ODD, *SPECIAL_TOKENS, *SLOTS[:3]], ids=repr)
def test_a_country_of_an_odd_name_is_not_eligible(facts: Facts, name: str) -> None:
    spec = WorldSpec(max_letters=10**6)
    assert "IN" in eligible(facts, spec)
    assert "IN" not in eligible(named(facts, "IN", f"In{name}dia"), spec)


def test_every_country_of_the_table_is_as_eligible_as_its_letters_make_it(facts: Facts) -> None:
    assert len(eligible(facts, WorldSpec())) > 100


@pytest.mark.parametrize("name", SLOTS)
def test_a_name_never_fills_a_slot_of_an_order(world: World, name: str) -> None:
    """Each text is worded once: a name put into it is not read as a wording again."""
    texts = {key: name if key[1] == "name" else text for key, text in world.texts.items()}
    odd = replace(world, texts=texts)
    documents = sample_documents(odd, "base", 1.0, 400, np.random.default_rng(0))
    usual = sample_documents(world, "base", 1.0, 400, np.random.default_rng(0))
    assert [d.country for d in documents] == [d.country for d in usual]
    direct = [d for d in documents if f"of {name}." in d.prompt]
    assert direct, "orders that name a country of their own were drawn"
    orders_deck(odd)


@given(st.lists(st.sampled_from([*SPECIAL_TOKENS, "<|", "|>", "<", ">", "sys", "s", "/", "x "])))
def test_data_never_open_a_channel(pieces: list[str]) -> None:
    data = "".join(pieces)
    cleaned = without_channel_tokens(data)
    assert not any(token in cleaned for token in SPECIAL_TOKENS)
    prompt = instruction_prompt("Quote the text.", data)
    assert [prompt.count(token) for token in ("<|sys|>", "<|data|>", "<|ans|>")] == [1, 1, 1]


@pytest.mark.parametrize("breaker", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"], ids=repr)
def test_only_a_line_feed_ends_a_line(tmp_path: Path, breaker: str) -> None:
    name = f"Nowhere{breaker}Land"
    lines = [HEADER, ("XX", "name", "XXX", name, "a", "b", "c", "d", "hand")]
    file = tmp_path / "facts.tsv"
    file.write_bytes("".join("\t".join(line) + "\n" for line in lines).encode())
    facts = read_facts(file)
    assert facts.text("XX", "name", "en") == name
    assert acting(shown(name)) == set()
