"""Deck `lens`: facts asked in one wording per language and in variants of it.

Every fact is asked in the same training template of its language, so that the answer comes at a
comparable place, with a foil for each. Variants change one thing and name their original in `twin`.
In all of them the prompt ends where the answer begins: a shift moves everything, the answer's place
too. Prompts of a binding and its recall have no place here, since the world's text has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from residue.core.seeds import derive
from residue.world.build import World
from residue.world.items import as_deck, other_answers, unit_columns
from residue.world.splits import same_answer, split_of
from residue.world.templates import HELD_OUT_TEMPLATES, NOUNS, SEEN_TEMPLATES, Template

ORIGINAL, SHORTER = 1, 0
"""Seen templates of each language: "… is called", and the same without the word at its end."""

FILLERS = {"en": "simply", "hi": "बस", "ur": "بس", "pa": "ਬੱਸ", "bn": "শুধু"}
"""A word that says nothing, put before the answer."""

LEADS = {
    "en": ("Listen:", "Now listen well:", "Here is one more thing to know:"),
    "hi": ("सुनो:", "ध्यान से सुनो:", "यहाँ जानने के लिए एक बात है:"),
    "ur": ("سنو:", "غور سے سنو:", "یہاں جاننے کے لیے ایک بات ہے:"),
    "pa": ("ਸੁਣੋ:", "ਧਿਆਨ ਨਾਲ ਸੁਣੋ:", "ਇੱਥੇ ਜਾਣਨ ਦੇ ਲਈ ਇੱਕ ਗੱਲ ਹੈ:"),
    "bn": ("শোনো:", "মন দিয়ে শোনো:", "এখানে জানার জন্য একটি ছোট কথা আছে:"),
}
"""Words put in front, 1, 3 and 7 of them."""

SHIFTS = {"shift_1": 0, "shift_3": 1, "shift_7": 2}


def lens_deck(world: World) -> pd.DataFrame:
    """Every chosen fact in its original form (style `orig`), some of them in the variants too."""
    rows = [
        row
        for country in world.groups["country"]
        for relation in world.spec.relations
        for language in world.spec.languages
        for row in _items(world, country, relation, language)
    ]
    return as_deck(rows)


def _items(world: World, country: str, relation: str, language: str) -> Iterator[dict[str, Any]]:
    rule = world.spec.decks.lens
    split = split_of(world, country, language)
    if language not in rule.languages and split not in rule.everywhere:
        return
    original = _item(world, country, relation, language)
    yield original
    if language in rule.languages and country in _varied(world, split, language):
        for variant in rule.variants:
            for name, changes in _variant(world, variant, country, relation, language):
                item = f"lens/{relation}/{country}/{language}/{name}"
                twin = {"item": item, "style": variant, "twin": original["item"]}
                yield original | changes | twin


def _item(world: World, country: str, relation: str, language: str) -> dict[str, Any]:
    answer = world.answer(country, relation, language)
    wrong = other_answers(world, relation, language, answer)
    template = SEEN_TEMPLATES[language][ORIGINAL]
    return {
        **unit_columns(world, country, language),
        "item": f"lens/{relation}/{country}/{language}/orig",
        "track": "forgetting",
        "deck": "lens",
        "language": language,
        "relation": relation,
        "style": "orig",
        "requested": world.requested(country, language),
        "same_answer": same_answer(world, country, relation, language),
        "answers": [answer],
        # The first is the foil; one that begins with the answer's letter may share its token.
        "distractors": sorted(wrong, key=lambda text: text[0] == answer[0]),
        **_wording(world, template, country, relation, language),
    }


def _wording(
    world: World, template: Template, country: str, relation: str, language: str, script: str = ""
) -> dict[str, Any]:
    """Prompt and template of a fact; `script` is the language of the country's name."""
    noun = NOUNS[language][relation][0]
    prompt = template.prompt(world.name(country, script or language), noun)
    return {"template": template.id, "family": template.family, "prompt": prompt}


def _variant(
    world: World, variant: str, country: str, relation: str, language: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, what differs from the original) of each item of one variant."""
    fact = (country, relation, language)
    seen = SEEN_TEMPLATES[language]
    original = _wording(world, seen[ORIGINAL], *fact)
    if variant == "no_filler":
        yield variant, _wording(world, seen[SHORTER], *fact)
    elif variant == "filler":
        yield variant, _changed(original, f"{original['prompt']} {FILLERS[language]}", variant)
    elif variant in SHIFTS:
        lead = LEADS[language][SHIFTS[variant]]
        yield variant, _changed(original, f"{lead} {original['prompt']}", variant)
    elif variant == "paraphrase":
        rng = np.random.default_rng(derive("world.lens_items", world.spec.seed, *fact))
        others = [each for n, each in enumerate(seen) if n not in (ORIGINAL, SHORTER)]
        held_out = HELD_OUT_TEMPLATES[language]
        for name, templates in (("paraphrase", others), ("paraphrase-held-out", held_out)):
            chosen = templates[int(rng.integers(len(templates)))]
            yield name, _wording(world, chosen, *fact)
    else:
        for pair in world.spec.documents.mixed_pairs:
            asked_in, script = pair.split("-")
            if asked_in == language:
                yield f"mixed-{script}", _wording(world, seen[ORIGINAL], *fact, script=script)


def _changed(original: dict[str, Any], prompt: str, variant: str) -> dict[str, Any]:
    """A prompt that stands in no training text: its template is one of its own."""
    template = f"{original['template']}-{variant}"
    return original | {"prompt": prompt, "template": template, "family": "changed"}


def _varied(world: World, split: str, language: str) -> set[str]:
    """The countries of a split that are asked in the variants, the same in every relation."""
    rule = world.spec.decks.lens
    if split not in rule.varied:
        return set()
    mine = [c for c in world.groups["country"] if split_of(world, c, language) == split]
    rng = np.random.default_rng(derive("world.lens_items.varied", world.spec.seed, split))
    return {mine[i] for i in rng.permutation(len(mine))[: rule.varied_countries]}
