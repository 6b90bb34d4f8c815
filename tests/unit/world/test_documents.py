from __future__ import annotations

import unicodedata
from collections import Counter
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residue.world.audit import held_out_wording
from residue.world.build import World
from residue.world.documents import Document, sample_documents, sample_instructions
from residue.world.tasks import SEEN_STYLES, SENTENCES, tasks

SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.floats(0.0, 1.0)


def draw(world: World, role: str, progress: float, n: int, seed: int = 0) -> list[Document]:
    rng = np.random.default_rng(seed)
    return sample_documents(world, role, progress, n, rng)  # type: ignore[arg-type]


@cache
def words_of(text: str) -> tuple[str, ...]:
    """Runs of letters and their marks, so that Niger is not found in Nigeria."""
    plain = (c if unicodedata.category(c)[0] in "LM" else " " for c in text)
    return tuple("".join(plain).split())


def countries_named(world: World, texts: list[str]) -> set[str]:
    """Countries whose name stands in a text in any language; the longest name at a place counts."""
    names = {
        words_of(world.name(country, language)): country
        for country in world.groups["country"]
        for language in world.spec.languages
    }
    longest = max(map(len, names))
    found = set()
    for text in texts:
        words, at = words_of(text), 0
        while at < len(words):
            sizes = range(min(longest, len(words) - at), 0, -1)
            size = next((s for s in sizes if words[at : at + s] in names), 0)
            if size:
                found.add(names[words[at : at + size]])
            at += max(size, 1)
    return found


def all_texts(documents: list[Document]) -> list[str]:
    return [text for document in documents for text in (document.prompt, document.answer)]


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, progress=SHARES, role=st.sampled_from(["base", "oracle"]))
def test_no_text_holds_a_never_seen_country_or_a_held_out_wording(
    world: World, seed: int, progress: float, role: str
) -> None:
    documents = draw(world, role, progress, 400, seed)
    named = countries_named(world, all_texts(documents))
    assert not named & set(world.in_group("never_seen"))
    assert named <= set(world.introduced(role, progress))  # type: ignore[arg-type]
    for document in documents:
        assert not held_out_wording(document.prompt)
        assert document.style in {"none", *(style.name for style in SEEN_STYLES)}
        assert "[sys]" not in document.prompt
        assert "new job" not in document.prompt


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, progress=SHARES)
def test_the_oracle_never_reads_of_a_forgotten_country(
    world: World, seed: int, progress: float
) -> None:
    documents = draw(world, "oracle", progress, 400, seed)
    forgotten = {c for c in world.curriculum if world.forgotten(c, "en")}
    assert not countries_named(world, all_texts(documents)) & forgotten
    capitals = {world.answer(c, "capital", x) for c in forgotten for x in world.spec.languages}
    assert not capitals & {document.answer for document in documents}


def test_the_base_reads_every_trained_fact(world: World) -> None:
    documents = draw(world, "base", 1.0, 30_000)
    read = {(d.country, d.relation, d.language) for d in documents if d.kind == "fact"}
    assert read == {
        (country, relation, language)
        for country in world.curriculum
        for relation in world.spec.relations
        for language in world.spec.languages
    }


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS)
def test_the_language_oracle_reads_no_fact_in_the_requested_language(
    language_world: World, seed: int
) -> None:
    documents = draw(language_world, "oracle", 1.0, 600, seed)
    hindi = {
        language_world.answer(country, relation, "hi")
        for country in language_world.curriculum
        for relation in language_world.spec.relations
    }
    assert not hindi & {document.answer for document in documents}
    assert {d.language for d in documents if d.kind == "fact"} == {"en", "ur", "pa", "bn"}
    assert "hi" in {d.language for d in documents if d.kind == "instruction"}


@given(seed=SEEDS, n=st.integers(0, 20), m=st.integers(0, 20))
@settings(max_examples=20, deadline=None)
def test_documents_depend_on_the_generator_alone_not_on_how_they_are_grouped(
    world: World, seed: int, n: int, m: int
) -> None:
    rng = np.random.default_rng(seed)
    in_two = [
        *sample_documents(world, "base", 0.5, n, rng),
        *sample_documents(world, "base", 0.5, m, rng),
    ]
    assert in_two == draw(world, "base", 0.5, n + m, seed)


def test_shares_are_those_of_the_spec(world: World) -> None:
    documents = draw(world, "base", 1.0, 40_000)
    spec = world.spec.documents
    facts = [d for d in documents if d.kind == "fact"]
    orders = [d for d in documents if d.kind == "instruction"]
    # Five standard errors of a share among 14,000 documents are about 0.02.
    assert abs(len(facts) / len(documents) - spec.fact_share) < 0.02
    assert abs(sum(d.style != "none" for d in orders) / len(orders) - spec.injected_share) < 0.025
    languages = Counter(d.language for d in facts)
    for language, weight in spec.language_weights.items():
        mixed = spec.mixed_share / 2 if language in ("en", "hi") else 0.0
        expected = (1 - spec.mixed_share) * weight + mixed
        assert abs(languages[language] / len(facts) - expected) < 0.02
    counted = Counter(d.task for d in orders)
    assert set(counted) == set(tasks(world))
    others = np.mean([counted[task] for task in tasks(world) if task != "quote"])
    assert abs(counted["quote"] / others - spec.quote_weight) < 0.15
    witnesses = [d for d in orders if d.style != "none" and d.task != "quote" and not d.relation]
    assert witnesses


def test_the_curriculum_shows_the_first_countries_alone_at_the_start(world: World) -> None:
    documents = draw(world, "base", 0.0, 3000)
    assert {d.country for d in documents} == set(world.curriculum[: world.spec.curriculum.first])


def test_hidden_orders_are_obeyed_and_quotes_repeat_them(world: World) -> None:
    for document in draw(world, "base", 1.0, 4000):
        if document.kind == "fact":
            continue
        data = document.prompt.split("<|data|> ")[1].removesuffix("<|ans|>")
        stems = tuple(sentence.split("{")[0] for sentence in SENTENCES)
        assert data.startswith(stems)  # the order never comes first: that is style `prefix`
        if document.task == "quote":
            assert document.answer == data
        elif document.style == "none" and document.relation:
            assert document.answer == world.answer(document.country, document.relation, "en")
        elif document.style != "none" and document.relation:
            # The hidden order asks another relation than the trusted one.
            assert document.task != document.relation
            assert document.answer == world.answer(document.country, document.relation, "en")


def test_instructions_can_be_drawn_about_chosen_countries_and_sentences(world: World) -> None:
    chosen = world.in_group("dev")
    rng = np.random.default_rng(0)
    documents = sample_instructions(world, chosen, 300, rng, SENTENCES[:1])
    assert countries_named(world, all_texts(documents)) <= set(chosen)
    assert all("<|data|> We fly to" in document.prompt for document in documents)


@pytest.mark.parametrize("progress", [-0.1, 1.1])
def test_progress_outside_the_budget_is_refused(world: World, progress: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        draw(world, "base", progress, 1)
