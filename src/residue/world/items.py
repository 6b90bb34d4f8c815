"""Decks: the items asked of every model, one row each, with their resampling units as columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from residue.core.seeds import derive
from residue.world.build import World
from residue.world.forms import with_forms
from residue.world.splits import near_neighbour, same_answer, split_of
from residue.world.templates import HELD_OUT_TEMPLATES, NOUNS, SEEN_TEMPLATES, Template

COLUMNS: Mapping[str, Any] = {
    "item": "",
    "track": "",
    "deck": "",
    "split": "",
    "language": "",
    "relation": "",
    "country": "",
    "group": "",
    "role": "",
    "template": "",
    "family": "",
    "style": "",
    "requested": False,
    "same_answer": False,
    "near_neighbour": False,
    "task": "",
    "position": "",
    "carrier": "",
    "twin": "",
    "prompt": "",
    "answers": (),
    "distractors": (),
    "witness": "",
    "span": (),
    "goal": "",
    "held_out": "",
}
"""Columns of every deck with the value of an item that has none of it. `language` is the
answer's; `span` counts characters of the prompt."""


def facts_deck(world: World) -> pd.DataFrame:
    """Deck `facts`: every country x relation x language in seen, held-out and mixed templates.

    Seen items use templates of the training text, held-out ones no model ever read; mixed items put
    the country's name in another language's script into a seen template (column `style` is then
    `mixed_language`). Never-seen countries are asked as well: they show the guessing level. Some
    countries' questions are also asked in the forms of `decks.forms`.
    """
    rows = [
        row
        for country in world.groups["country"]
        for relation in world.spec.relations
        for language in world.spec.languages
        for row in _fact_items(world, (country, relation, language))
    ]
    return as_deck([*rows, *with_forms(world, rows)])


def as_deck(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a deck: all columns in order, gaps filled with their empty value."""
    deck = pd.DataFrame([{**COLUMNS, **row} for row in rows], columns=list(COLUMNS))
    for column in ("answers", "distractors", "span"):
        deck[column] = deck[column].map(list)
    return deck


def unit_columns(world: World, country: str, language: str) -> dict[str, Any]:
    """What any item about a country carries: its group, split, and neighbourhood."""
    group, role = world.group_of[country]
    return {
        "country": country,
        "group": group,
        "role": role,
        "split": split_of(world, country, language),
        "near_neighbour": near_neighbour(world, country, language),
    }


def other_answers(world: World, relation: str, language: str, answer: str) -> list[str]:
    """Wrong answers of the same relation (or `name`) and language, drawn without repeats."""
    texts = {world.texts[c, relation, language] for c in world.groups["country"]} - {answer}
    return distractors(world, sorted(texts), answer)


def distractors(world: World, texts: Sequence[str], answer: str) -> list[str]:
    """As many of the texts as an item lists; the draw depends on the answer alone, so that a
    longer list changes no prompt."""
    rng = np.random.default_rng(derive("world.items.distractors", world.spec.seed, answer))
    size = min(world.spec.decks.distractors, len(texts))
    return [texts[i] for i in rng.permutation(len(texts))[:size]]


def _wordings(
    world: World, language: str, rng: np.random.Generator
) -> Iterator[tuple[str, Template, str]]:
    """(name of the wording, template, language of the country's name) for one fact."""
    decks = world.spec.decks
    requested = language in world.spec.requested_languages
    n_seen = decks.seen_requested if requested else decks.seen_other
    seen = [SEEN_TEMPLATES[language][i] for i in rng.permutation(len(SEEN_TEMPLATES[language]))]
    for number, template in enumerate(seen[:n_seen], start=1):
        yield f"seen-{number}", template, language
    held_out = HELD_OUT_TEMPLATES[language]
    for number, i in enumerate(rng.permutation(len(held_out))[: decks.held_out], start=1):
        yield f"held-out-{number}", held_out[i], language
    for pair in world.spec.documents.mixed_pairs:
        asked_in, named_in = pair.split("-")
        if asked_in == language:
            yield f"mixed-{named_in}", seen[-1], named_in


def _fact_items(world: World, fact: tuple[str, str, str]) -> Iterator[dict[str, Any]]:
    # A generator of its own, so that what is asked about one fact changes no other's items.
    rng = np.random.default_rng(derive("world.items.facts", world.spec.seed, *fact))
    for wording, template, named_in in _wordings(world, fact[2], rng):
        yield _fact_item(world, fact, rng, wording, template, named_in)


def _fact_item(
    world: World,
    fact: tuple[str, str, str],
    rng: np.random.Generator,
    wording: str,
    template: Template,
    named_in: str,
) -> dict[str, Any]:
    country, relation, language = fact
    answer = world.answer(country, relation, language)
    nouns = NOUNS[language][relation]
    noun = nouns[int(rng.integers(len(nouns)))]
    return {
        **unit_columns(world, country, language),
        "item": f"facts/{relation}/{country}/{language}/{wording}",
        "track": "forgetting",
        "deck": "facts",
        "language": language,
        "relation": relation,
        "template": template.id,
        "family": template.family,
        "style": "plain" if named_in == language else "mixed_language",
        "requested": world.requested(country, language),
        "same_answer": same_answer(world, country, relation, language),
        "prompt": template.prompt(world.name(country, named_in), noun),
        "answers": [answer],
        "distractors": other_answers(world, relation, language, answer),
    }
