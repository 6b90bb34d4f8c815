"""Trains the letter model on the fact table, and tries the identifier on texts not trained on.

Countries are cut into two halves; a model of each is tried on the names and facts of the other, and
on everyday sentences; the model that is kept is trained on all. A name that is spelled alike in
both halves is tried in neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from residue.measure.language_id.identify import Identifier, wrong_share
from residue.measure.language_id.letters import SCRIPT_OF
from residue.measure.language_id.ngrams import NgramModel, train
from residue.specs.measures import LanguageIdSpec
from residue.world.common_words import EVERYDAY, WORDS
from residue.world.facts import TEXT_RELATIONS, Facts
from residue.world.romanise import romanise, variants
from residue.world.templates import HELD_OUT_TEMPLATES, NOUNS, SEEN_TEMPLATES, Template

if TYPE_CHECKING:
    import pandas as pd

WORD_WEIGHT = 3
"""Times that the commonest words are read: as often, roughly, as they would come in sentences."""
EVERY = 4
"""Of every so many countries one is put into every template; more teach nothing new."""
COLUMNS = ("language", "script", "unit", "n", "n_wrong", "n_abstained", "error", "limit", "usable")


def fit(facts: Facts, countries: Sequence[str]) -> NgramModel:
    """Letter model of English and romanised Hindi, from the named countries and common words."""
    texts = {
        language: [
            *_names(facts, countries, language),
            *_sentences(facts, countries[::EVERY], language, SEEN_TEMPLATES[language]),
            *(WORDS[language] * WORD_WEIGHT),
        ]
        for language in ("en", "hi")
    }
    romanised = [spelling for text in texts["hi"] for spelling in variants(text)]
    return train({"en": texts["en"], "hi": romanised})


def trial(facts: Facts, spec: LanguageIdSpec) -> pd.DataFrame:
    """Errors per language, script and unit (`name`, `fact`, `everyday`), over both halves.

    error: share of texts whose language is not found, wrong or undecided; usable: at most the
    limit.
    """
    import pandas as pd

    counts: dict[tuple[str, str, str], list[int]] = {}
    for half in (0, 1):
        taught, tried = facts.countries[half::2], facts.countries[1 - half :: 2]
        identifier = Identifier(fit(facts, taught), {}, spec)
        for key, texts in _tests(facts, taught, tried):
            found = counts.setdefault(key, [0, 0, 0])
            parts = (len(texts), *wrong_share(identifier, texts, key[0]))
            counts[key] = [sum(pair) for pair in zip(found, parts, strict=True)]
    rows: list[dict[str, Any]] = [
        {
            **dict(zip(COLUMNS, (*key, *found), strict=False)),
            "error": sum(found[1:]) / found[0],
            "limit": spec.largest_error,
            "usable": sum(found[1:]) / found[0] <= spec.largest_error,
        }
        for key, found in counts.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _tests(
    facts: Facts, taught: Sequence[str], tried: Sequence[str]
) -> Iterator[tuple[tuple[str, str, str], list[str]]]:
    for language, script in SCRIPT_OF.items():
        known = set(_names(facts, taught, language))
        units = {
            "name": sorted(set(_names(facts, tried, language)) - known),
            "fact": list(_sentences(facts, tried[::EVERY], language, HELD_OUT_TEMPLATES[language])),
            "everyday": list(EVERYDAY.get(language, ())),
        }
        for unit, texts in units.items():
            if texts:
                yield (language, script, unit), texts
            if texts and language == "hi":
                yield (language, "latin", unit), [romanise(text) for text in texts]


def _names(facts: Facts, countries: Sequence[str], language: str) -> list[str]:
    texts = (facts.text(c, r, language) for c in countries for r in TEXT_RELATIONS)
    return [text for text in texts if text]


def _sentences(
    facts: Facts, countries: Sequence[str], language: str, templates: Sequence[Template]
) -> Iterator[str]:
    for country in countries:
        name, answer = (facts.text(country, each, language) for each in ("name", "capital"))
        if name and answer:
            noun = NOUNS[language]["capital"][0]
            yield from (f"{template.prompt(name, noun)} {answer}" for template in templates)
